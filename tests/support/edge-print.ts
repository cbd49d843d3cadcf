/** The program that Node, Deno and Bun run, with the origin's address as its argument. */
import { runEdgeCases } from "./edge-run.ts";

console.log(JSON.stringify(await runEdgeCases(process.argv[2] ?? "")));
