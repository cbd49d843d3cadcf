/** The worker that workerd runs. */
import { runSealedCases } from "./sealed-run.ts";

const worker = { fetch: async (): Promise<Response> => Response.json(await runSealedCases()) };
// A worker is what its main module exports by this name.
// oxlint-disable-next-line import/no-default-export
export { worker as default };
