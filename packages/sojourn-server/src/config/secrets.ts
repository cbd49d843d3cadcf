/** The secrets of an installation: from the environment, or from files with one per line. */
import { readFileSync } from "node:fs";
import type { ConfigProblem } from "sojourn";

const FIX = "make one with: sojourn secret > sojourn.secret, then set SOJOURN_SECRET_FILE";

/** @returns the secrets in order; empty beside a new problem. Never quotes a secret. */
export function readInstallationSecrets(
  files: readonly string[] | undefined,
  env: Readonly<Record<string, string | undefined>>,
  problems: ConfigProblem[],
): readonly string[] {
  const direct = env["SOJOURN_SECRETS"] ?? env["SOJOURN_SECRET"];
  if (direct !== undefined && direct !== "") {
    if (files === undefined) return direct.split(",").map((secret) => secret.trim());
    problems.push({
      path: "secrets",
      message: "given both in the environment and as a file; keep one of them",
    });
    return [];
  }
  if (files === undefined) {
    problems.push({ path: "secrets", message: `missing; ${FIX}` });
    return [];
  }
  return files.flatMap((file) => readSecretFile(file, problems));
}

function readSecretFile(path: string, problems: ConfigProblem[]): readonly string[] {
  try {
    const lines = readFileSync(path, "utf8").split("\n");
    const secrets = lines.map((line) => line.trim()).filter((line) => line !== "");
    if (secrets.length === 0) {
      problems.push({ path: "secretFile", message: `${path} is empty; ${FIX}` });
    }
    return secrets;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    problems.push({ path: "secretFile", message: `cannot read ${path} (${code}); ${FIX}` });
    return [];
  }
}
