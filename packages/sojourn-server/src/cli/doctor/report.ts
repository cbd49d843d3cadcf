/** What the doctor says before and after: never a value of a cookie, a field or a body. */
import { facts, printable } from "../output.ts";
import type { Paint } from "../output.ts";
import type { Report } from "./examine.ts";
import { groupOf, GROUPS, linkOf } from "./findings.ts";
import type { Finding, Result } from "./findings.ts";
import type { Plan } from "./plan.ts";
import { VECTORS } from "./vectors.ts";

const RESULTS = ["pass", "warn", "fail", "skipped"] as const satisfies readonly Result[];

function countsOf(findings: readonly Finding[]): Record<Result, number> {
  const counts = { pass: 0, warn: 0, fail: 0, skipped: 0 };
  for (const { result } of findings) counts[result] += 1;
  return counts;
}

/** For `--json`. */
export function reportView({ url, sessionCookie, findings }: Report): unknown {
  return {
    url,
    sessionCookie: sessionCookie ?? null,
    summary: countsOf(findings),
    findings: findings.map((finding) => ({
      ...finding,
      group: groupOf(finding.check),
      link: linkOf(finding.check),
    })),
  };
}

export function reportText({ url, sessionCookie, findings }: Report, paint: Paint): string {
  const heading = facts(
    [
      ["Address", url],
      ["Session cookie", sessionCookie ?? "(none seen)"],
    ],
    paint,
  );
  const groups = GROUPS.flatMap((group) => {
    const own = findings.filter(({ check }) => groupOf(check) === group);
    return own.length === 0 ? [] : [groupText(group, own, paint)];
  });
  const counts = countsOf(findings);
  const sum = RESULTS.map((result) => `${counts[result]} ${result}`).join(", ");
  return `${heading}\n\n${groups.join("\n\n")}\n\n${paint.bold(sum)}`;
}

/** What needs an eye first; what was skipped for one reason is one line. */
function groupText(group: string, findings: readonly Finding[], paint: Paint): string {
  const lines = [paint.bold(group)];
  for (const result of ["fail", "warn", "pass"] as const) {
    for (const finding of findings.filter((one) => one.result === result)) {
      lines.push(...findingLines(finding, paint));
    }
  }
  const skipped = new Map<string, string[]>();
  for (const { check, says, fix = "" } of findings.filter(({ result }) => result === "skipped")) {
    const why = `${says} ${fix}`.trimEnd();
    skipped.set(why, [...(skipped.get(why) ?? []), check]);
  }
  for (const [why, checks] of skipped) {
    lines.push(paint.dim(`  skipped  ${checks.join(", ")}: ${printable(why)}`));
  }
  return lines.join("\n");
}

function findingLines({ check, result, says, fix }: Finding, paint: Paint): string[] {
  const word = result.padEnd(7);
  const shown = result === "pass" ? paint.good(word) : paint.bad(word);
  const first = `  ${shown}  ${check}: ${printable(says)}`;
  if (fix === undefined) return [first];
  return [first, `           ${fix}`, paint.dim(`           ${linkOf(check)}`)];
}

/** What will be sent, so that nobody is surprised by what it changes. */
export function announcement(plan: Plan): string {
  const { url, login, whoamiPath, write, logoutPath, slowPath, cookies } = plan;
  const lines = [`GET ${url.pathname}: as nobody`];
  if (plan.plainUrl !== undefined) lines.push(`GET ${plan.plainUrl.href}: as nobody`);
  if (login !== undefined) {
    const names = login.fields.map(([name]) => name).join(", ");
    lines.push(`POST ${login.path}: signs in with ${names}, up to ${loginsOf(plan)} times`);
  }
  if (cookies.length > 0) lines.push(`${cookies.map(([name]) => name).join(", ")}: as handed over`);
  if (whoamiPath !== undefined) lines.push(`GET ${whoamiPath}: with and without a session`);
  if (write !== undefined) {
    const most = VECTORS.filter(({ method }) => method === "POST").length + 1;
    lines.push(`POST ${write.path}: changes something, up to ${most} times; OPTIONS too`);
  }
  if (logoutPath !== undefined) {
    const ends = login === undefined ? "ends the session handed over" : "ends its own sessions";
    lines.push(`POST ${logoutPath}, and GET where there is a login: ${ends}`);
  }
  if (slowPath !== undefined) lines.push(`POST ${slowPath}: once, beside a logout`);
  return [`To ${url.origin} goes:`, ...lines.map((line) => `  ${line}`)].join("\n");
}

/** One to look around, three about fixation, one from another site, three to sign out. */
function loginsOf({ whoamiPath, logoutPath, slowPath }: Plan): number {
  if (whoamiPath === undefined) return 1;
  const logouts = logoutPath === undefined ? 0 : slowPath === undefined ? 4 : 5;
  return 4 + logouts;
}
