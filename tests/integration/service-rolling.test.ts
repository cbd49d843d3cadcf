/** A rolling restart of the services behind a balancer, under load. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgres, redis, startMachines } from "./service-machines-harness.ts";
import type { Machines } from "./service-machines-harness.ts";

describe.each([
  ["PostgreSQL", postgres],
  ["Redis", redis],
] as const)("three services on %s", (_name, start) => {
  let m: Machines;

  beforeAll(async () => {
    m = await startMachines(start, { SOJOURN_NEAR_CACHE: "2s" });
  });

  afterAll(() => m.stop());

  it("lose no request and no session while one after the other is restarted", async () => {
    const kept = await Promise.all(
      Array.from({ length: 20 }, (_, at) => m.open(`kept-${at}`, { data: { at } })),
    );
    let working = true;
    const trouble: string[] = [];
    const opened: string[] = [];
    const patched = new Map<string, number>();
    const load = Array.from({ length: 4 }, async (_, worker) => {
      for (let round = 0; working; round += 1) {
        await sleep(20);
        const { id, token } = kept[(round + worker * 7) % kept.length] ?? { id: "", token: "" };
        const verified = await m.verify(token);
        if (verified !== "active") trouble.push(`verify ${verified}`);
        const body = { subject: `load-${worker}-${round}`, amr: ["pwd"] };
        const open = await m.api("POST", "/v1/sessions", { body });
        if (open.status === 201) opened.push(String(open.json["token"]));
        else trouble.push(`open ${open.status} ${open.text}`);
        const key = `w${worker}-${round}`;
        const patch = await m.api("PATCH", `/v1/sessions/${id}`, { body: { data: { [key]: 1 } } });
        if (patch.status === 200) patched.set(id, (patched.get(id) ?? 0) + 1);
        else trouble.push(`patch ${patch.status} ${patch.text}`);
      }
    });
    for (const index of m.processes.keys()) {
      const said = await m.restart(index);
      expect(said).toContain('"msg":"stopped"');
      expect(said).not.toContain("cut off");
    }
    working = false;
    await Promise.all(load);
    expect(trouble).toEqual([]);
    expect(opened.length).toBeGreaterThan(20);
    for (const token of [...opened.slice(-50), ...kept.map((one) => one.token)]) {
      expect(await m.verify(token)).toBe("active");
    }
    for (const [at, { id }] of kept.entries()) {
      const { json } = await m.api("GET", `/v1/sessions/${id}`);
      const { data } = json["session"] as { data: Record<string, unknown> };
      expect(Object.keys(data)).toHaveLength((patched.get(id) ?? 0) + 1);
      expect(data["at"]).toBe(at);
    }
  }, 120_000);
});
