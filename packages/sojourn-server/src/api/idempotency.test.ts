import { fastify } from "fastify";
import type { FastifyRequest } from "fastify";
import { describe, expect, it } from "vitest";
import type { Caller } from "../control/key-desk.ts";
import type { Replies } from "../control/replies.ts";
import { once } from "./idempotency.ts";

describe("a reply that cannot be kept", () => {
  it("is given all the same: the token in it is shown only now", async () => {
    const kept: string[] = [];
    const replies = {
      claim: () => Promise.resolve({ outcome: "claimed" }),
      keep: () => Promise.reject(new Error("the control store is gone")),
      release: () => Promise.resolve(void kept.push("released")),
    } as unknown as Replies;
    const app = fastify();
    app.decorateRequest("caller", null);
    app.addHook("onRequest", async (request: FastifyRequest) => {
      request.caller = { keyId: "k" } as Caller;
    });
    app.post("/", (request, reply) =>
      once(replies, request, reply, () => Promise.resolve({ token: "only once" })),
    );
    const headers = { "idempotency-key": "k-1" };
    const answer = await app.inject({ method: "POST", url: "/", headers, payload: {} });
    await app.close();
    expect([answer.statusCode, answer.body]).toEqual([200, '{"token":"only once"}']);
    // What was done is not free to be done again.
    expect(kept).toEqual([]);
  });
});
