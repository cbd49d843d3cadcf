#!/usr/bin/env node
/** The command `sojourn`. */
import process from "node:process";
import { runCommandLine } from "./run.ts";
import { runtimeProblem } from "./runtime.ts";

/** A supervisor waits for a process that something keeps, and then kills it. */
const LEFT_MS_MAX = 5_000;

const problem = runtimeProblem(process.versions.node);
if (problem === undefined) {
  process.exitCode = await runCommandLine({
    argv: process.argv.slice(2),
    env: process.env,
    out: process.stdout,
    err: process.stderr,
  });
  setTimeout(endAtLast, LEFT_MS_MAX).unref();
} else {
  process.stderr.write(`sojourn: ${problem}\n`);
  process.exitCode = 2;
}

function endAtLast(): void {
  // Whoever reads slowly is still to be given the rest.
  if (process.stdout.writableLength > 0) return void setTimeout(endAtLast, LEFT_MS_MAX).unref();
  const left = process.getActiveResourcesInfo().join(", ");
  process.stderr.write(`sojourn: done, and something was left open (${left}); it ends now\n`);
  process.exit();
}
