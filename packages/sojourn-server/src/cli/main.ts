#!/usr/bin/env node
/** The command `sojourn`. */
import process from "node:process";
import { runCommandLine } from "./run.ts";

process.exitCode = await runCommandLine({
  argv: process.argv.slice(2),
  env: process.env,
  out: process.stdout,
  err: process.stderr,
});
