import type { FastifyRequest } from "fastify";
import { createSessions, MemoryStore } from "sojourn";
import type { Session } from "sojourn";
import { generateSecret } from "sojourn/tokens";
import { beforeEach, describe, expect, it } from "vitest";
import { etagOf } from "../conditional.ts";
import { mergeData } from "./backend-sessions.ts";

const sessions = createSessions({
  secrets: [generateSecret()],
  store: new MemoryStore(),
  sweep: false,
});

let one: Session;
let two: Session;

beforeEach(async () => {
  const { session } = await sessions.open({ subject: "ann", data: { n: 0 } });
  const find = async (): Promise<Session> => {
    const found = await sessions.find(String(session.id));
    if (found === undefined) throw new Error("not found");
    return found;
  };
  [one, two] = [await find(), await find()];
});

function request(session: Session): FastifyRequest {
  return { headers: { "if-match": etagOf(session.version) } } as unknown as FastifyRequest;
}

describe("a conditional change", () => {
  it("that another one overtook after it was checked changes nothing", async () => {
    await mergeData(request(one), one, { n: 1 });
    await expect(mergeData(request(two), two, { n: 2 })).rejects.toMatchObject({
      answer: { status: 412 },
    });
    expect((await sessions.find(String(one.id)))?.data).toEqual({ n: 1 });
  });

  it("without If-Match is merged onto whatever is there", async () => {
    const plain = { headers: {} } as unknown as FastifyRequest;
    await mergeData(plain, one, { a: 1 });
    await mergeData(plain, two, { b: 2 });
    expect((await sessions.find(String(one.id)))?.data).toEqual({ n: 0, a: 1, b: 2 });
  });
});
