/** `sojourn signing …`: the keys that sign access tokens and the revocation feed. */
import { existsSync, readFileSync } from "node:fs";
import { fileKeys, rotateKeys, writeKeyFile } from "sojourn/tokens";
import type { BlastRadius, SigningAlgorithm, SigningPurpose } from "sojourn/tokens";
import type { ServerConfig } from "../config/config.ts";
import { readSpan, SPAN_ACCEPTED } from "../config/spans.ts";
import type { TokenSettings } from "../config/token-settings.ts";
import { openSigningKeys } from "../main/tokens.ts";
import { EXIT, FailedError, textOption, UsageError } from "./command.ts";
import type { Command } from "./command.ts";
import { facts, moment } from "./output.ts";

const PURPOSES: readonly SigningPurpose[] = ["access-token", "revocation-feed", "introspection"];
const ALGORITHMS: readonly SigningAlgorithm[] = ["ES256", "EdDSA", "RS256", "PS256"];
/** Twice as long as verifiers go on with a key set they have read. */
const LEAD = "10m";
const LEEWAY_MS = 60_000;
const ATTEMPTS_MAX = 5;

interface Made {
  readonly kid: string;
  readonly purpose: SigningPurpose;
  readonly activatesAt: string;
  readonly removed: readonly string[];
}

const rotate: Command = {
  name: "signing rotate",
  summary: "Add keys that sign from --lead on; begins the key file where there is none",
  words: [],
  options: [
    { name: "alg", value: "ALG", means: `${ALGORITHMS.join(", ")} (default: ES256)` },
    {
      name: "lead",
      value: "SPAN",
      means: `how long new keys are published before they sign (default: ${LEAD})`,
    },
  ],
  installation: true,
  details:
    "Services read the file again by themselves. The present keys sign until the new ones do, and " +
    "verify until nothing they signed can be alive; then the next rotation takes them out.",
  examples: ["sojourn signing rotate", "sojourn signing rotate --lead 30m"],
  async run({ values, config, output }) {
    const { keyFile, accessTtlMs } = tokensOf(config(), this.name);
    const alg = ALGORITHMS.find((one) => one === (textOption(values, "alg") ?? "ES256"));
    if (alg === undefined) throw new UsageError(`--alg: ${ALGORITHMS.join(", ")}`, this.name);
    const leadMs = readSpan(textOption(values, "lead") ?? LEAD);
    if (leadMs === undefined) throw new UsageError(`--lead: ${SPAN_ACCEPTED}`, this.name);
    const items = await rotateFile(keyFile, { alg, leadMs, overlapMs: accessTtlMs + LEEWAY_MS });
    output.result({ items }, () =>
      items.map((one) => `${one.purpose}: ${one.kid} signs from ${one.activatesAt}`).join("\n"),
    );
    return EXIT.ok;
  },
};

interface Rotation {
  readonly alg: SigningAlgorithm;
  readonly leadMs: number;
  readonly overlapMs: number;
}

/** Making keys takes its time: what was revoked meanwhile must not be written over. */
async function rotateFile(keyFile: string, rotation: Rotation): Promise<readonly Made[]> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    // What others may open is refused before it is written anew.
    if (existsSync(keyFile)) await fileKeys({ path: keyFile });
    const before = textOf(keyFile);
    let document = before;
    const items: Made[] = [];
    for (const purpose of PURPOSES) {
      const made = await rotateKeys({ ...rotation, document, purpose, now: Date.now() });
      document = made.document;
      const { kid, removed } = made;
      items.push({ kid, purpose, activatesAt: new Date(made.activatesAt).toISOString(), removed });
    }
    if (textOf(keyFile) !== before) continue;
    await writeKeyFile(keyFile, document);
    return items;
  }
  throw new FailedError("somebody else keeps writing the key file; nothing was changed");
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

const revoke: Command = {
  name: "signing revoke",
  summary: "A key is compromised: end everything it signed, and say what it can have reached",
  words: ["KID"],
  options: [],
  installation: true,
  details:
    "Running services refuse its tokens at once, verifiers within the bound of their feed. Where " +
    "no other key can sign, follow with: sojourn signing rotate --lead 0s",
  examples: ["sojourn signing revoke Py7QjSnZyms-hI0QMlkpkuNTKHQwN34UYzz9fvc9ZD4"],
  async run({ words: [kid = ""], config, output }) {
    const opened = await openSigningKeys(tokensOf(config(), this.name), Date.now);
    let radius: BlastRadius | undefined;
    for (const keys of Object.values(opened)) radius ??= await keys.revoke(kid);
    if (radius === undefined) {
      throw new FailedError(
        `no signing key is ${JSON.stringify(kid)}; see: sojourn keys inventory`,
      );
    }
    const { purpose, algorithm, issuedFrom, issuedUntil, expiredBy, successor } = radius;
    const at = (instant: number): string => new Date(instant).toISOString();
    const shown = { issuedFrom: at(issuedFrom), issuedUntil: at(issuedUntil) };
    const result = { kid, purpose, algorithm, ...shown, expiredBy: at(expiredBy), successor };
    output.result(result, (paint) =>
      facts(
        [
          ["Revoked", `${kid} (${purpose}, ${algorithm})`],
          ["Signed from", moment(issuedFrom)],
          ["Signed until", moment(issuedUntil)],
          ["All expired by", moment(expiredBy)],
          ["Signs now", successor ?? "none; run: sojourn signing rotate --lead 0s"],
        ],
        paint,
      ),
    );
    return EXIT.ok;
  },
};

export const signingCommands: readonly Command[] = [rotate, revoke];

function tokensOf({ tokens }: ServerConfig, command: string): TokenSettings {
  if (tokens !== undefined) return tokens;
  throw new UsageError("--token-keys is missing: the file of the keys", command);
}
