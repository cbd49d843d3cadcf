/** The shims do what they say while nothing fails, so that what a fault shows is the peer's. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NotDone } from "../subject.ts";
import { worlds } from "../worlds.ts";
import type { World } from "../strike.ts";
import { peers } from "./peers.ts";
import type { SubjectUnderTest } from "../subject.ts";

let world: World;

beforeAll(async () => {
  const started = await worlds["redis"]?.start({});
  if (started === undefined) throw new Error("no engine is called redis");
  world = started;
});
afterAll(() => world.stop());

describe.each(Object.entries(peers))("%s", (_name, { load, lacks }) => {
  let first: SubjectUnderTest;
  let second: SubjectUnderTest;

  beforeAll(async () => {
    first = await load(world.store);
    second = await load(world.store);
  });
  afterAll(() => Promise.all([first.close(), second.close()]));

  it("is signed in, read, written, counted and signed out by two instances of it", async () => {
    const { session, token } = await first.open("user-1", { k1: "a" });
    expect(await second.verify(token, false)).toEqual({
      state: "active",
      session,
      data: { k1: "a" },
    });
    expect(await second.patch(token, { k2: "b" })).toMatchObject({ state: "active", session });
    await first.count(token, "n");
    await second.count(token, "n");
    expect((await first.verify(token, true)).data).toEqual({ k1: "a", k2: "b", n: 2 });
    await first.revoke(session, token);
    for (const one of [first, second]) {
      expect((await one.verify(token, false)).state).not.toBe("active");
      expect((await one.patch(token, { k1: "c" })).state).not.toBe("active");
    }
  });

  it("keeps sessions of one subject apart", async () => {
    const one = await first.open("user-2", { k1: "one" });
    const other = await second.open("user-2", { k1: "other" });
    expect(one.session).not.toBe(other.session);
    await first.revoke(one.session, one.token);
    expect((await first.verify(other.token, false)).data).toEqual({ k1: "other" });
  });

  it("ends and lists all of a subject, or says that there is no such thing", async () => {
    const one = await first.open("user-4", {});
    const other = await second.open("user-4", {});
    if (lacks.includes("revokeSubject")) {
      await expect(first.revokeSubject("user-4")).rejects.toBeInstanceOf(NotDone);
      expect(first.list).toBeUndefined();
      return;
    }
    const listed = await second.list?.("user-4");
    expect(listed).toEqual(expect.arrayContaining([one.session, other.session]));
    await first.revokeOthers?.("user-4", one.session, one.token);
    expect((await second.verify(other.token, false)).state).not.toBe("active");
    expect((await second.verify(one.token, false)).state).toBe("active");
    await second.revokeSubject("user-4");
    expect((await first.verify(one.token, false)).state).not.toBe("active");
  });

  it("answers trouble with an error while its store is gone, and nothing else", async () => {
    const { token } = await first.open("user-3", {});
    world.network?.reset();
    world.network?.cut();
    const asked = first.verify(token, false).then(
      ({ state }) => state,
      () => "trouble",
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    await world.network?.heal();
    expect(["active", "trouble"]).toContain(await asked);
  });
});
