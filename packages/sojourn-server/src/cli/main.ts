#!/usr/bin/env node
/** The command `sojourn`. */
import process from "node:process";
import { runCommandLine } from "./run.ts";
import { runtimeProblem } from "./runtime.ts";

const problem = runtimeProblem(process.versions.node);
if (problem === undefined) {
  process.exitCode = await runCommandLine({
    argv: process.argv.slice(2),
    env: process.env,
    out: process.stdout,
    err: process.stderr,
  });
} else {
  process.stderr.write(`sojourn: ${problem}\n`);
  process.exitCode = 2;
}
