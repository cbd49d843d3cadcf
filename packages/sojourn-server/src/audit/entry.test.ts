import { describe, expect, it } from "vitest";
import type { SessionEvent } from "sojourn";
import { networkOf } from "../api/circumstances.ts";
import { agentOf } from "./agents.ts";
import { entryOfEvent } from "./entry.ts";

const event = {
  name: "session-ended",
  at: 7,
  tenant: "acme",
  subject: "ann",
  session: "ses_x",
  reason: "revoked",
  kind: "user",
  lastedMs: 5,
} as const;

describe("an event as an entry", () => {
  it("is the deed of whom the event names, else of the key, else of the person, else of none", () => {
    const key = { id: "k1", name: "shop" };
    const by = (more: object, how: object): string =>
      entryOfEvent("i", { ...event, ...more }, how).actor;
    expect(by({ actor: "boss" }, { key })).toBe("boss");
    expect(by({}, { key, self: true })).toBe("key:shop");
    expect(by({}, { self: true })).toBe("ann");
    expect(by({}, {})).toBe("system");
    expect(entryOfEvent("i", { ...event, actor: "boss" }, { key }).about.key).toBe("k1");
  });

  it("[LG-02] takes members that are listed, at bounded length, and no others", () => {
    const strange = {
      ...event,
      token: "sj1s_secret",
      data: { card: 1 },
      cause: "c".repeat(5_000),
      amr: Array.from({ length: 99 }, () => "a".repeat(2_000)),
    } as unknown as SessionEvent;
    const { about } = entryOfEvent("i", strange, {});
    expect(Object.keys(about)).toEqual(["subject", "session", "reason", "cause", "detail"]);
    expect(Object.keys(about.detail ?? {})).toEqual(["kind", "lastedMs", "amr"]);
    expect(about.cause).toHaveLength(1_025);
    expect(JSON.stringify(about).length).toBeLessThan(35_000);
  });
});

describe("where somebody came from", () => {
  it.each([
    ["192.0.2.77", "192.0.2.0/24"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
    ["2001:db8::7", "2001:db8::/48"],
    ["::1", "::/48"],
    ["fe80::1:2", "fe80::/48"],
  ])("is of %s the network %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it.each([
    ["Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140", "Edge"],
    ["Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML) Chrome/140.0 Safari/537.36", "Chrome"],
    ["Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "Safari"],
    ["curl/8.5.0", "curl"],
    ["python-requests/2.32", "python-requests"],
    ["sj1s_AAAAAAAAAAAAAAAA", undefined],
    ["\u001b[31m", undefined],
    ["", undefined],
  ])("by %s is the program %s", (header, family) => {
    expect(agentOf(header)).toBe(family);
  });
});
