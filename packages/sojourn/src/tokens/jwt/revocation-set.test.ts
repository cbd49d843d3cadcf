import { describe, expect, it } from "vitest";
import { RevocationSet } from "./revocation-set.ts";
import type { Revocable } from "./revocation-set.ts";

const TOKEN: Revocable = {
  issuer: "https://auth.example",
  jti: "j",
  kid: undefined,
  tenant: "default",
  subject: "alice",
  session: "ses_one",
  grant: "ses_family",
  epoch: 0,
  issuedAt: 1,
};

describe("a lockout in the feed", () => {
  const lockout = { kind: "lockout", id: "a", tenant: "default", lifted: false, at: 2 } as const;

  it("ends the tokens of its target, whenever they were issued, until it is lifted", () => {
    for (const [target, value] of [
      ["subject", "alice"],
      ["session", "ses_one"],
      ["client", "app"],
      ["tenant", undefined],
    ] as const) {
      const set = new RevocationSet();
      const token = { ...TOKEN, client: "app", issuedAt: 1_000 };
      const entry = { ...lockout, target, ...(value === undefined ? {} : { value }) };
      set.add({ ...entry, tenant: "other" });
      set.add({ ...entry, value: "beside" });
      expect([target, set.judge(token, 3)]).toEqual([target, "live"]);
      set.add(entry);
      // Unlike an end it does not grow old.
      set.prune(1e12);
      expect([target, set.judge(token, 3)]).toEqual([target, "lockout"]);
      set.add({ ...entry, id: "an older one", lifted: true });
      expect([target, set.judge(token, 3)]).toEqual([target, "lockout"]);
      set.add({ ...entry, lifted: true });
      expect([target, set.judge(token, 3)]).toEqual([target, "live"]);
    }
  });

  it("ends at its expiry, and with a snapshot that does not name it", () => {
    const set = new RevocationSet();
    set.add({ ...lockout, target: "client", value: "app", expiresAt: 10 });
    set.add({ ...lockout, id: "b", target: "device", value: "d" });
    const token = { ...TOKEN, client: "app" };
    expect([set.judge(token, 9), set.judge(token, 10), set.size]).toEqual(["lockout", "live", 2]);
    expect(set.judge({ ...TOKEN, device: "d" }, 9)).toBe("lockout");
    set.forgetLocks();
    expect([set.judge(token, 9), set.size]).toEqual(["live", 0]);
  });
});

describe("a token that refresh tokens issued", () => {
  it("[JW-17] ends with them as it does with its session", () => {
    for (const session of ["ses_family", "ses_one"]) {
      const set = new RevocationSet();
      expect(set.judge(TOKEN, 3)).toBe("live");
      set.add({ kind: "session", session, at: 2 });
      expect(set.judge(TOKEN, 3)).toBe("session");
    }
  });

  it("[RT-06] ends with all of its subject's, also when its session alone goes on", () => {
    const set = new RevocationSet();
    const except = { except: "ses_one" };
    set.add({ kind: "subject", tenant: "default", subject: "alice", epoch: 1, at: 2, ...except });
    expect(set.judge(TOKEN, 3)).toBe("subject");
    expect(set.judge({ ...TOKEN, grant: undefined }, 3)).toBe("live");
    expect(set.judge({ ...TOKEN, epoch: 1 }, 3)).toBe("live");
  });
});
