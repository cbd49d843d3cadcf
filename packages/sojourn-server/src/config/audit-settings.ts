/** How the audit trail is taken down and how long it is kept. */
import { dirname, join } from "node:path";
import type { ConfigProblem } from "sojourn";
import type { ControlPlace } from "./places.ts";
import type { Setting } from "./settings.ts";
import type { ValueReader } from "./values.ts";

/** How much of a client's address is kept. */
export const ADDRESSES = ["network", "full", "none"] as const;

/** Rows of the table of all settings. */
export const AUDIT_SETTINGS: readonly Setting[] = [
  {
    path: "audit.spool",
    kind: "text",
    flag: "audit-spool",
    env: "SOJOURN_AUDIT_SPOOL",
    means: "folder for audit entries on their way into the control store; on a local disk",
    standard: "audit-spool beside the control store's file, else sojourn-audit-spool",
  },
  {
    path: "audit.fsync",
    kind: "boolean",
    flag: "audit-fsync",
    env: "SOJOURN_AUDIT_FSYNC",
    means: "an audit entry outlives a crash of the machine too, and each costs a flush",
    standard: "false",
  },
  {
    path: "audit.keepDays",
    kind: "count",
    flag: "audit-keep-days",
    env: "SOJOURN_AUDIT_KEEP_DAYS",
    means: "how long the audit trail is kept; 0 is for ever",
    standard: "366; with the policy hipaa 2192",
  },
  {
    path: "audit.addresses",
    kind: "text",
    flag: "audit-addresses",
    env: "SOJOURN_AUDIT_ADDRESSES",
    means: "what is kept of a client's address: network, full (beside the network) or none",
    standard: "network (IPv4 /24, IPv6 /48)",
  },
  {
    path: "audit.addressDays",
    kind: "count",
    flag: "audit-address-days",
    env: "SOJOURN_AUDIT_ADDRESS_DAYS",
    means: "with audit.addresses full: how long a whole address is kept, 1 to 366 days",
    standard: "30",
  },
];

export interface AuditSettings {
  /** Folder of entries on their way; absent where the trail itself is lost at the end. */
  readonly spool: string | undefined;
  readonly fsync: boolean;
  /** 0: for ever. */
  readonly keepDays: number;
  readonly addresses: (typeof ADDRESSES)[number];
  /** Of whole ones. */
  readonly addressDays: number;
}

const SPOOL = "sojourn-audit-spool";
/** PCI DSS 4.0.1 10.5.1: twelve months. 45 CFR 164.316(b)(2)(i): six years. */
const KEEP_DAYS: Readonly<Record<string, number>> = { "pci-dss-4": 366, hipaa: 2_192 };
const KEEP_DAYS_STANDARD = 366;
const KEEP_DAYS_MAX = 36_600;
const ADDRESS_DAYS = 30;
const ADDRESS_DAYS_MAX = 366;

/** @param preset Of the installation's policy. */
export function readAuditSettings(
  read: ValueReader,
  problems: ConfigProblem[],
  { control, preset }: { readonly control: ControlPlace; readonly preset: string | undefined },
): AuditSettings {
  const given = read.text("audit.addresses");
  const addresses = ADDRESSES.find((one) => one === (given ?? "network"));
  if (addresses === undefined) {
    problems.push({ path: "audit.addresses", message: `accepted: ${ADDRESSES.join(", ")}` });
  }
  const keepDays = read.count("audit.keepDays");
  if (keepDays !== undefined && keepDays > KEEP_DAYS_MAX) {
    const message = `accepted: 0 (for ever) to ${KEEP_DAYS_MAX} days`;
    problems.push({ path: "audit.keepDays", message });
  }
  return {
    spool: read.text("audit.spool") ?? spoolBeside(control),
    fsync: read.boolean("audit.fsync") ?? false,
    keepDays: keepDays ?? KEEP_DAYS[preset ?? ""] ?? KEEP_DAYS_STANDARD,
    addresses: addresses ?? "network",
    addressDays: readAddressDays(read, problems),
  };
}

function readAddressDays(read: ValueReader, problems: ConfigProblem[]): number {
  const days = read.count("audit.addressDays") ?? ADDRESS_DAYS;
  if (days < 1 || days > ADDRESS_DAYS_MAX) {
    const message = `accepted: 1 to ${ADDRESS_DAYS_MAX} days`;
    problems.push({ path: "audit.addressDays", message });
  }
  return days;
}

function spoolBeside(control: ControlPlace): string | undefined {
  if (control.kind === "memory") return undefined;
  return control.kind === "sqlite" ? join(dirname(control.path), "audit-spool") : SPOOL;
}
