/** `sojourn policy explain` and `sojourn secret`: need no store, and the latter nothing at all. */
import { ConfigError, createPolicyBook, formatExplain } from "sojourn";
import type { PolicyInput } from "sojourn";
import { generateSecret } from "sojourn/tokens";
import { EXIT, listOption, textOption } from "./command.ts";
import type { Command, Invocation } from "./command.ts";

const explain: Command = {
  name: "policy explain",
  summary: "Show every limit that holds, where it comes from and why it may be so",
  words: [],
  options: [
    { name: "tenant", value: "TENANT", means: "as tightened for this tenant" },
    { name: "client", value: "CLIENT", means: "as tightened for this client" },
    { name: "role", value: "ROLE", many: true, means: "as tightened for this role" },
  ],
  installation: true,
  details: "With --policy alone no other setting is needed.",
  examples: [
    "sojourn policy explain --policy banking",
    "sojourn policy explain --config sojourn.json --tenant acme --json",
  ],
  async run(invocation) {
    const { values, output } = invocation;
    const client = textOption(values, "client");
    const roles = listOption(values, "role");
    const explanation = bookOf(invocation).explainFor({
      tenant: textOption(values, "tenant") ?? "default",
      client,
      roles,
    });
    output.result(explanation, () => formatExplain(explanation));
    return EXIT.ok;
  },
};

/** The policy of the configuration; of the preset alone when there is no configuration. */
function bookOf(invocation: Invocation): ReturnType<typeof createPolicyBook> {
  const preset = textOption(invocation.values, "policy");
  try {
    const { policy = "saas", tighten } = invocation.config().library;
    return createPolicyBook({ policy, ...(tighten === undefined ? {} : { tighten }) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const others = error.problems.filter(({ path }) => path !== "secrets");
    if (others.length > 0) throw new ConfigError(others);
    return createPolicyBook({ policy: (preset ?? "saas") as PolicyInput });
  }
}

const secret: Command = {
  name: "secret",
  summary: "Print a fresh secret for an installation",
  words: [],
  options: [],
  installation: false,
  details:
    "32 random bytes as base64url. To change secrets without signing anybody out, put the new " +
    "one below the old one in the file, then above it, and remove the old one when the longest " +
    "session has passed. Service keys made under the old one end with it: rotate them before.",
  examples: ["(umask 077; sojourn secret > sojourn.secret)"],
  async run({ output }) {
    const text = generateSecret();
    output.result({ secret: text }, () => text);
    return EXIT.ok;
  },
};

export const otherCommands: readonly Command[] = [explain, secret];
