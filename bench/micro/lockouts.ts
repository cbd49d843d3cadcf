/** What it costs a verify that somebody may be kept out. */
import { Lockouts } from "sojourn";
import type { Lockout } from "sojourn";
import { compare } from "../harness.ts";
import type { Case, Effort } from "../harness.ts";
import { atMost } from "../report.ts";
import type { Section } from "../report.ts";

const MANY = 10_000;
const KINDS = ["subject", "client", "device", "network"] as const;
/** Nobody is kept out: every map and the networks are looked at. */
const WHO = {
  tenant: "default",
  id: "A".repeat(24),
  subject: "alice",
  device: { id: "device-of-alice" },
  client: "shop",
};

export async function lockouts(effort: Effort): Promise<Section> {
  const [none, many] = [filled(0), filled(MANY)];
  const figures = await compare(
    [
      asking("no lock", none, "203.0.113.9"),
      asking(`${MANY} locks, no address`, many, undefined),
      asking(`${MANY} locks, IPv4`, many, "10.4.77.9"),
      asking(`${MANY} locks, IPv6`, many, "2001:db8::1:2"),
    ],
    effort,
  );
  const goals = figures.map(({ name, cpuUs }) => atMost(name, cpuUs, 1, "µs cpu"));
  return { title: "Is somebody kept out? Asked at every verify", figures, goals };
}

function filled(count: number): Lockouts {
  const all = Array.from({ length: count }, (_, at): Lockout => {
    const kind = KINDS[at % KINDS.length] ?? "subject";
    const value = kind === "network" ? `10.${at >> 8}.${at & 255}.0/25` : `${kind}-${at}`;
    return { id: `lck_${at}`, tenant: "default", kind, value, message: "Call us." };
  });
  const made = new Lockouts();
  made.change(all, []);
  return made;
}

function asking(name: string, of: Lockouts, address: string | undefined): Case {
  const operations = 1_000;
  const run = (): void => {
    for (let at = 0; at < operations; at += 1) of.find(WHO, 0, address);
  };
  return { name, operations, run };
}
