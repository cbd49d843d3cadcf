/**
 * The dashboard and the alert rules that are given along, before a real Prometheus that scrapes a
 * real service: a name that no longer exists would be an empty panel, or an alert that never comes.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startPrometheus } from "../../tools/engines.mjs";
import { folder, startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

const root = new URL("../../", import.meta.url);
const ALERTS = fileURLToPath(new URL("deploy/prometheus/alerts.yaml", root));
const PAGE = readFileSync(new URL("docs/operations/metrics-and-logs.md", root), "utf8");

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(
  readFileSync(new URL("deploy/grafana/sojourn.json", root), "utf8"),
) as { readonly panels: readonly Panel[] };
const drawn = dashboard.panels.filter(({ type }) => type !== "row");

/** Nothing of it happens in this test: a series begins with the first time. */
const QUIET = ["Gateways", "Forged and unknown tokens", "Service keys refused", "Outages"];

let s: TestService;
let prometheus: Awaited<ReturnType<typeof startPrometheus>>;
const ground = folder();

async function ask<Data>(path: string): Promise<Data> {
  const response = await fetch(prometheus.url + path);
  const body = (await response.json()) as { status: string; data: Data; error?: string };
  if (body.status !== "success") throw new Error(`${path}: ${body.error}`);
  return body.data;
}

/** As Grafana asks it. */
function query(expr: string): Promise<{ readonly result: readonly unknown[] }> {
  const whole = expr
    .replaceAll("$__rate_interval", "5m")
    .replaceAll("$job", ".*")
    .replaceAll("$instance", ".*");
  return ask(`/api/v1/query?${new URLSearchParams({ query: whole }).toString()}`);
}

beforeAll(async () => {
  const env = { SOJOURN_STORE: `sqlite:${ground.path}/s.db`, SOJOURN_NEAR_CACHE: "2s" };
  s = await startTestService({ env });
  const metrics = new URL(s.service.metricsUrl ?? "");
  prometheus = await startPrometheus([metrics.host], [ALERTS]);
  const { token } = await s.open("alice");
  const scraped = async (): Promise<number> => {
    await s.open("bob");
    await s.api("POST", "/v1/sessions/verify", { body: { token } });
    const ended = await s.open("carol");
    await s.api("DELETE", `/v1/sessions/${ended.id}`);
    const { result } = await query("count_over_time(sojourn_verifies_total[1m])");
    return Number((result as { value: [number, string] }[])[0]?.value[1] ?? 0);
  };
  // A rate needs two scrapes that saw a series.
  await vi.waitFor(async () => expect(await scraped()).toBeGreaterThanOrEqual(3), {
    timeout: 60_000,
    interval: 500,
  });
});

afterAll(async () => {
  await prometheus?.stop();
  await s?.service.stop();
  ground.remove();
});

describe("the dashboard", () => {
  it.each(drawn.map((panel) => [panel.title, panel] as const))(
    "shows something in “%s”",
    async (title, { targets = [], description }) => {
      expect(targets.length, "targets").toBeGreaterThan(0);
      expect(description ?? "", "what it shows").not.toBe("");
      for (const { expr } of targets) {
        const { result } = await query(expr);
        if (!QUIET.includes(title)) expect(result.length, expr).toBeGreaterThan(0);
      }
    },
  );

  it("has panels side by side, none over another", () => {
    const cells = new Set<string>();
    for (const { gridPos, title } of dashboard.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(cells.has(`${x} ${y}`), title).toBe(false);
          expect(x, title).toBeLessThan(24);
          cells.add(`${x} ${y}`);
        }
      }
    }
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});

interface Rule {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

describe("the alert rules", () => {
  it("are understood, say what to do, and are silent while nothing is wrong", async () => {
    const rules = async (): Promise<readonly Rule[]> => {
      const { groups } = await ask<{ groups: { rules: Rule[] }[] }>("/api/v1/rules?type=alert");
      return groups.flatMap((group) => group.rules);
    };
    await expect
      .poll(async () => (await rules()).map(({ health }) => health), { timeout: 30_000 })
      .not.toContain("unknown");
    const all = await rules();
    expect(all.length).toBeGreaterThan(0);
    for (const { name, health, state, labels, annotations } of all) {
      expect([name, health, state]).toEqual([name, "ok", "inactive"]);
      expect(["page", "ticket"]).toContain(labels["severity"]);
      expect(annotations["summary"], name).toMatch(/\.$/);
      expect(annotations["action"], name).toMatch(/\.$/);
    }
  });

  it("page when the service is gone", async () => {
    await s.service.stop();
    const { result } = await query('up{job="sojourn"} == 0').then(async (first) =>
      first.result.length > 0 ? first : waitForEnd(),
    );
    expect(result).toHaveLength(1);
    const states = async (): Promise<readonly string[]> => {
      const { groups } = await ask<{ groups: { rules: Rule[] }[] }>("/api/v1/rules?type=alert");
      return groups
        .flatMap((one) => one.rules.filter(({ state }) => state !== "inactive"))
        .map(({ name }) => name);
    };
    await expect.poll(states, { timeout: 30_000 }).toEqual(["SojournDown"]);
  });
});

async function waitForEnd(): Promise<{ readonly result: readonly unknown[] }> {
  const gone = 'up{job="sojourn"} == 0';
  await expect
    .poll(async () => (await query(gone)).result.length, { timeout: 30_000 })
    .toBeGreaterThan(0);
  return query(gone);
}

describe("names", () => {
  const asked = [
    ...drawn.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    readFileSync(ALERTS, "utf8"),
  ].join("\n");
  const used = new Set(
    [...asked.matchAll(/\bsojourn_\w+/g)].map(([name]) => name.replace(/_(?:bucket|count)$/, "")),
  );
  const told = new Set([...PAGE.matchAll(/`(sojourn_\w+)`/g)].map(([, name = ""]) => name));

  it("of dashboard and rules are described in the documentation", () => {
    expect([...used].filter((name) => !told.has(name))).toEqual([]);
  });

  it("of the documentation and of the service are the same", async () => {
    const other = await startTestService();
    const page = await (await fetch(`${other.service.metricsUrl}/metrics`)).text();
    await other.service.stop();
    const own = [...page.matchAll(/^# TYPE (sojourn_\w+) /gm)].map(([, name = ""]) => name);
    // These are there with a near-cache or a cache alone.
    const caches = [...told].filter((name) => /^sojourn_(?:near|cache)_/.test(name));
    expect(new Set([...own, ...caches])).toEqual(told);
  });
});
