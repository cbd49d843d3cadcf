import { beforeEach, describe, expect, it } from "vitest";
import { openControlDatabase } from "./database.ts";
import { Replies } from "./replies.ts";

const HOUR_MS = 3_600_000;
const attempt = { callerId: "key-1", route: "POST /v1/sessions", key: "k", body: '{"a":1}' };
const reply = { status: 201, headers: { etag: '"1.0"' }, body: '{"token":"sj1s_canary"}' };

let now: number;
let database: ReturnType<typeof openControlDatabase>;
let replies: Replies;

beforeEach(() => {
  now = 1_800_000_000_000;
  database = openControlDatabase(":memory:");
  replies = new Replies(database, ["secret-one"], () => now);
});

function sealed(): Uint8Array {
  return database.prepare("SELECT sealed FROM reply").get()?.["sealed"] as Uint8Array;
}

describe("a kept reply", () => {
  it("is claimed once, then given to whoever asks with the same body", () => {
    expect(replies.claim(attempt)).toEqual({ outcome: "claimed" });
    expect(replies.claim(attempt)).toEqual({ outcome: "busy" });
    replies.keep(attempt, reply);
    expect(replies.claim(attempt)).toEqual({ outcome: "kept", reply });
    expect(replies.claim({ ...attempt, body: "{}" })).toEqual({ outcome: "mismatch" });
  });

  it("belongs to its caller and route", () => {
    replies.claim(attempt);
    replies.keep(attempt, reply);
    expect(replies.claim({ ...attempt, callerId: "key-2" }).outcome).toBe("claimed");
    expect(replies.claim({ ...attempt, route: "POST /v1/other" }).outcome).toBe("claimed");
  });

  it("lies sealed: neither the token nor the idempotency key can be read from the file", () => {
    replies.claim({ ...attempt, key: "visible-key" });
    replies.keep({ ...attempt, key: "visible-key" }, reply);
    const rows = JSON.stringify(database.prepare("SELECT slot, sealed FROM reply").all());
    const bytes = Buffer.from(sealed()).toString("latin1");
    for (const text of [bytes, rows]) {
      expect(text).not.toContain("canary");
      expect(text).not.toContain("visible-key");
    }
  });

  it("opens under a secret that has moved down the list, and under no other", () => {
    replies.claim(attempt);
    replies.keep(attempt, reply);
    const rotated = new Replies(database, ["secret-two", "secret-one"], () => now);
    expect(rotated.claim(attempt)).toEqual({ outcome: "kept", reply });
    const foreign = new Replies(database, ["secret-two"], () => now);
    expect(foreign.claim(attempt)).toEqual({ outcome: "mismatch" });
  });

  it("is forgotten after 24 hours, not one millisecond before", () => {
    replies.claim(attempt);
    replies.keep(attempt, reply);
    now += 24 * HOUR_MS - 1;
    expect(replies.claim(attempt).outcome).toBe("kept");
    now += 1;
    expect(replies.claim(attempt)).toEqual({ outcome: "claimed" });
  });

  it("is erased by tidying once it is old", () => {
    replies.claim(attempt);
    replies.keep(attempt, reply);
    expect(replies.tidy()).toBe(0);
    now += 24 * HOUR_MS;
    expect(replies.tidy()).toBe(1);
  });
});

describe("a claim", () => {
  it("that failed may be made again at once", () => {
    replies.claim(attempt);
    replies.release(attempt);
    expect(replies.claim(attempt)).toEqual({ outcome: "claimed" });
  });

  it("of a process that is gone may be made again after a minute", () => {
    replies.claim(attempt);
    now += 59_999;
    expect(replies.claim(attempt).outcome).toBe("busy");
    now += 1;
    expect(replies.claim(attempt)).toEqual({ outcome: "claimed" });
  });
});
