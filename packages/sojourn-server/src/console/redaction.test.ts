import fastify from "fastify";
import { describe, expect, it } from "vitest";
import type { App } from "../api/types.ts";
import { redact } from "./redaction.ts";

async function answerTo(payload: unknown): Promise<unknown> {
  const app = fastify() as unknown as App;
  redact(app);
  app.get("/", () => payload as object);
  return (await app.inject("/")).json();
}

describe("what leaves the console's API", () => {
  it("[TN-05] has no token of ours and no session data, whatever a handler answers", async () => {
    const session = { id: "ses_x", data: { cart: ["canary"] } };
    expect(await answerTo({ token: "sj1s_secret", successor: "sj1s_x", session, at: 1 })).toEqual({
      session: { id: "ses_x" },
      at: 1,
    });
  });

  it("keeps the token of a dry run, lists, and what is null", async () => {
    expect(await answerTo({ token: "dry-run", session: null })).toEqual({
      token: "dry-run",
      session: null,
    });
    expect(await answerTo([1, 2])).toEqual([1, 2]);
  });
});
