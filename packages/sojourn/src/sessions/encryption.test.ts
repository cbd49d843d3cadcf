import { describe, expect, it } from "vitest";
import { failure, idOf, secretOf, sessionIn, world } from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

const CANARY = "canary-7f3a9c";

/** Everything the store holds of a session, as text. */
async function dump(place: World, token: string): Promise<string> {
  return JSON.stringify(await place.store.find({ tenant: "default", id: token.slice(9, 33) }));
}

describe("data encrypted at rest", () => {
  it("leaves no plaintext in the store, whichever way it was written", async () => {
    const place = world({ encryptData: true });
    const { session, token } = await place.sessions.open({
      subject: "alice",
      data: { first: CANARY },
    });
    await session.set("second", { inner: CANARY });
    await session.update((draft) => void (draft["third"] = [CANARY]));
    expect(await dump(place, token)).not.toContain(CANARY);
    await session.login("alice");
    expect(session.data).toEqual({ first: CANARY, second: { inner: CANARY }, third: [CANARY] });
    const items = JSON.stringify(await place.sessions.query({ state: "any" }));
    expect(items).not.toContain(CANARY);
  });

  it("is read by every way there is", async () => {
    const place = world({ encryptData: true });
    const { session, token } = await place.sessions.open({ subject: "alice", data: { n: 1 } });
    expect(sessionIn(await place.sessions.authenticate(token)).data).toEqual({ n: 1 });
    expect((await place.sessions.find(idOf(session)))?.data).toEqual({ n: 1 });
  });

  it("is sealed anew each time: equal values look different", async () => {
    const place = world({ encryptData: true });
    const { token, session } = await place.sessions.open({ subject: "alice", data: { a: 1 } });
    await session.set("b", 1);
    const stored = await place.store.find({ tenant: "default", id: token.slice(9, 33) });
    expect(stored?.data["a"]).not.toBe(stored?.data["b"]);
  });

  it("cannot be moved to another key or session by whoever writes the store", async () => {
    const place = world({ encryptData: true });
    const a = await place.sessions.open({ subject: "alice", data: { role: "reader" } });
    const b = await place.sessions.open({ subject: "bob", data: { role: "admin", note: "x" } });
    const refA = { tenant: "default", id: a.token.slice(9, 33) };
    const sealed = await place.store.find({ tenant: "default", id: b.token.slice(9, 33) });
    for (const key of ["role", "note"]) {
      const value = sealed?.data[key] ?? "";
      await place.store.patchData(refA, [{ op: "set", key: "role", value }]);
      const outcome = await place.sessions.authenticate(a.token).then(
        (standing) => sessionIn(standing).data["role"],
        (error: unknown) => (error as { code?: string }).code,
      );
      expect(outcome).toBe("ERR_DATA_UNREADABLE");
    }
  });

  it.each([
    ["switched on later", false, true],
    ["switched off later", true, false],
  ])("stays readable when it is %s", async (_name, before, after) => {
    const place = world({ encryptData: before });
    const { token } = await place.sessions.open({ subject: "alice", data: { old: 1 } });
    const later = world({ beside: place, encryptData: after });
    const session = sessionIn(await later.sessions.authenticate(token));
    expect(session.data).toEqual({ old: 1 });
    await session.set("new", 2);
    await session.update((draft) => void (draft["old"] = 3));
    expect(sessionIn(await place.sessions.authenticate(token)).data).toEqual({ old: 3, new: 2 });
  });

  it("stays readable while secrets rotate, and is unreadable without the old one", async () => {
    const place = world({ encryptData: true });
    const { session } = await place.sessions.open({ subject: "alice", data: { n: 1 } });
    const secrets = [secretOf(2), secretOf(1)];
    const next = world({ beside: place, encryptData: true, secrets });
    const there = await next.sessions.find(idOf(session));
    expect(there?.data).toEqual({ n: 1 });
    const last = world({ beside: place, encryptData: true, secrets: [secretOf(2)] });
    const error = await failure(last.sessions.find(idOf(session)));
    expect(error).toMatchObject({ code: "ERR_DATA_UNREADABLE", retryable: false });
    expect(String(error)).not.toContain(secretOf(1));
  });

  it("keeps updates atomic (I4)", async () => {
    const place = world({ encryptData: true });
    const { session, token } = await place.sessions.open({ subject: "alice", data: { n: 0 } });
    const views = await Promise.all(
      Array.from({ length: 10 }, () => place.sessions.authenticate(token)),
    );
    await Promise.all(
      views.map((view) =>
        sessionIn(view).update((draft) => void (draft["n"] = Number(draft["n"]) + 1)),
      ),
    );
    const after = await place.sessions.find(idOf(session));
    expect(after?.data["n"]).toBe(10);
  });
});
