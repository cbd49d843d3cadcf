import { describe, expect, it } from "vitest";
import { NoiseGate } from "./noise.ts";

describe("the gate for what anybody can cause", () => {
  it("lets ten a second of a name through, and tells how many it kept back", () => {
    let now = 5_000;
    const gate = new NoiseGate(() => now);
    const passed = Array.from({ length: 25 }, () => gate.pass("token-forged"));
    expect(passed.filter((one) => one === 0)).toHaveLength(10);
    expect(gate.pass("token-unknown")).toBe(0);
    now += 999;
    expect(gate.pass("token-forged")).toBeUndefined();
    now += 1;
    expect(gate.pass("token-forged")).toBe(16);
    expect(gate.pass("token-forged")).toBe(0);
  });

  it("keeps back nothing that happens to a session", () => {
    const gate = new NoiseGate(() => 0);
    const passed = Array.from({ length: 1_000 }, () => gate.pass("session-ended"));
    expect(new Set(passed)).toEqual(new Set([0]));
  });
});
