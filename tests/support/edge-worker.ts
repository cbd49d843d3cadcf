/** The worker that workerd runs: a service that is made once, and the cases of every runtime. */
import { runEdgeCases } from "./edge-run.ts";
import { edgeService } from "./edge-service.ts";

interface Environment {
  readonly ORIGIN: string;
  /** Questions outlive their requests. */
  readonly KEEP: boolean;
}

interface Workers {
  waitUntil(work: Promise<unknown>): void;
}

/** Of the runtime; no package here has its types. */
const WORKERS: string = "cloudflare:workers";

let service: ReturnType<typeof edgeService> | undefined;

const worker = {
  fetch: async (request: Request, { ORIGIN, KEEP }: Environment): Promise<Response> => {
    if (request.url.endsWith("/cases")) return Response.json(await runEdgeCases(ORIGIN));
    const { waitUntil } = (await import(WORKERS)) as Workers;
    service ??= edgeService(ORIGIN, KEEP ? waitUntil : undefined);
    return service(request);
  },
};
// A worker is what its main module exports by this name.
// oxlint-disable-next-line import/no-default-export
export { worker as default };
