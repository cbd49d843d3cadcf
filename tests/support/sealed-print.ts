/** The program that Node, Deno and Bun run. */
import { runSealedCases } from "./sealed-run.ts";

console.log(JSON.stringify(await runSealedCases()));
