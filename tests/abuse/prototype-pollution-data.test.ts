/** Session data with keys that name parts of JavaScript itself. */
import { describe, expect, it } from "vitest";
import { leave, sessionIn, visit, world } from "../support/world.ts";
import type { Data, World } from "../support/world.ts";

const KEYS = ["__proto__", "constructor", "prototype", "hasOwnProperty", "toString", "then"];
const EVIL = { polluted: true };

function unharmed(): void {
  expect(({} as Data)["polluted"]).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
}

async function reread(place: World, token: string): Promise<Readonly<Data>> {
  return sessionIn(await place.sessions.authenticate(token)).data;
}

describe.each([false, true])("data that would change prototypes, encrypted: %s", (encryptData) => {
  it.each(KEYS)("%s is a key like any other through set, update and open", async (key) => {
    const place = world({ encryptData });
    const first = JSON.parse(`{"${key}": {"polluted": true}, "own": 1}`) as Data;
    const { token, session } = await place.sessions.open({ subject: "alice", data: first });
    await session.set(key, EVIL);
    await session.update((draft) => {
      expect(Object.getPrototypeOf(draft)).toBe(Object.prototype);
      draft["other"] = 1;
    });
    const data = await reread(place, token);
    expect(Object.keys(data).toSorted()).toEqual([key, "other", "own"].toSorted());
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(data, key)?.value).toEqual(EVIL);
    expect((data as { polluted?: unknown }).polluted).toBeUndefined();
    unharmed();
  });

  it("moves along with a login as what it is", async () => {
    const place = world({ encryptData });
    const exchange = await visit(place);
    await exchange.session.set("__proto__", EVIL);
    await exchange.session.login("alice");
    const data = await reread(place, leave(exchange).token ?? "");
    expect(Object.hasOwn(data, "__proto__")).toBe(true);
    await exchange.session.set("__proto__", undefined);
    expect(Object.keys(exchange.session.data)).toEqual([]);
    unharmed();
  });
});

describe("options with such keys", () => {
  it("are refused by name, and change nothing", async () => {
    const place = world();
    const planted = JSON.parse('{"subject": "alice", "__proto__": {"remember": true}}') as {
      subject: string;
    };
    await place.sessions.open(planted).catch(() => undefined);
    unharmed();
    const { session } = await place.sessions.open({ subject: "alice" });
    expect(session.describe()?.remember).toBeUndefined();
  });
});
