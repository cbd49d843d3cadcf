/** A genuine token of one type is presented where another is expected. */
import { MemoryStore } from "sojourn";
import { describe, expect, it } from "vitest";
import { leave, visit, world } from "../support/world.ts";

describe("a token of another type", () => {
  it("[ID-13] an anonymous token never becomes a session of somebody", async () => {
    const place = world();
    const exchange = await visit(place);
    await exchange.session.set("n", 1);
    const { token = "" } = leave(exchange);
    const { token: session } = await place.sessions.open({ subject: "alice" });
    const dressed = [
      token.replace("sj1n_", "sj1s_"),
      session.replace("sj1s_", "sj1n_"),
      session.replace("sj1s_", "sj1r_"),
      session.replace("sj1s_", "sj1a_"),
      // Prefix and head byte both, so that only the MAC speaks against it.
      `sj1s_${session.slice(5, 6)}${token.slice(6)}`,
    ];
    for (const text of dressed) {
      expect(await place.sessions.authenticate(text)).toEqual({ state: "unknown" });
    }
    expect(place.named("token-unknown")).toEqual([]);
  });

  it("[ID-02] a service key is no session, and a session no service key", async () => {
    const place = world();
    const keys = await place.sessions.serviceKeys();
    const { text } = await keys.mint("default");
    const { token } = await place.sessions.open({ subject: "alice" });
    for (const key of [text, text.replace("sj1k_", "sj1s_"), text.replace("sj1k_", "sj1n_")]) {
      expect(await place.sessions.authenticate(key)).toEqual({ state: "unknown" });
    }
    expect(place.store.calls("find")).toBe(0);
    expect(token.replace("sj1s_", "sj1k_")).not.toBe(text);
  });

  it("[ID-13] a row and a token of different types never meet, even by the store", async () => {
    const store = new MemoryStore();
    const place = world({ store });
    const exchange = await visit(place);
    await exchange.session.set("n", 1);
    const { token = "" } = leave(exchange);
    // Whoever writes the store re-points the anonymous row to a person.
    const find = store.find.bind(store);
    store.find = async (ref) => {
      const stored = await find(ref);
      return stored && { ...stored, record: { ...stored.record, subject: "alice" } };
    };
    expect(await place.sessions.authenticate(token)).toEqual({ state: "unknown" });
    expect((await visit(place, { token })).session.subject).toBeNull();
    expect(place.named("token-fork")).toEqual([]);
  });
});
