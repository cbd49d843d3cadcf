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

describe("a token that refresh tokens issued", () => {
  it("[JW-17] ends with them as it does with its session", () => {
    for (const session of ["ses_family", "ses_one"]) {
      const set = new RevocationSet();
      expect(set.judge(TOKEN)).toBe("live");
      set.add({ kind: "session", session, at: 2 });
      expect(set.judge(TOKEN)).toBe("session");
    }
  });

  it("[RT-06] ends with all of its subject's, also when its session alone goes on", () => {
    const set = new RevocationSet();
    const except = { except: "ses_one" };
    set.add({ kind: "subject", tenant: "default", subject: "alice", epoch: 1, at: 2, ...except });
    expect(set.judge(TOKEN)).toBe("subject");
    expect(set.judge({ ...TOKEN, grant: undefined })).toBe("live");
    expect(set.judge({ ...TOKEN, epoch: 1 })).toBe("live");
  });
});
