import { MemoryStore } from "express-session";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../engine/errors.ts";
import { fromExpressSession } from "./conversion.ts";
import { signSid } from "./signature.ts";

describe("pick", () => {
  it("that returns no plain object is named, whoever's session it is", async () => {
    for (const passport of [{ user: "alice" }, {}]) {
      const store = new MemoryStore();
      (store as unknown as { sessions: Record<string, string> }).sessions["sid"] = JSON.stringify({
        cookie: {},
        passport,
      });
      for (const picked of [undefined, null, [], Promise.resolve({}), new Map()]) {
        const pick = () => picked as object;
        const format = fromExpressSession({ store, secret: "secret", pick });
        const cookie = `connect.sid=${signSid("sid", "secret")}`;
        const finding = format.find({ header: () => cookie }, 0);
        await expect(finding).rejects.toThrow(ConfigError);
        await expect(finding).rejects.toThrow("fromExpressSession.pick: returned no plain object");
      }
    }
  });
});
