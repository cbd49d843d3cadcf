/** The worker that workerd runs. */
import { runSealedCases } from "./sealed-run.ts";

const worker = { fetch: async (): Promise<Response> => Response.json(await runSealedCases()) };
// oxlint-disable-next-line import/no-default-export -- what workerd takes
export default worker;
