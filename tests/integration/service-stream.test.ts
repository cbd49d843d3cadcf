import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { at, cookie, folder, SECRET, sojourn, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";
import { Listener } from "./service-listener.ts";

describe("the live stream of one's session", () => {
  const place = folder();
  const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${place.path}/s.db` };
  let s: TestService;
  const open: Listener[] = [];

  function listen(token: string, more: Readonly<Record<string, string>> = {}): Listener {
    const listener = new Listener(`${s.service.url}/v1/session/stream`, cookie(token, more));
    open.push(listener);
    return listener;
  }

  beforeAll(async () => {
    s = await startTestService({ env });
  });

  afterEach(() => {
    for (const listener of open.splice(0)) listener.stop();
  });

  afterAll(async () => {
    await s.service.stop();
    place.remove();
  });

  it("begins with hello: the server's time and the deadlines", async () => {
    const { token } = await s.open("hello");
    const listener = listen(token);
    await listener.until(() => listener.heard("hello") !== undefined);
    const names = ["serverTime", "idleExpiresAt", "absoluteExpiresAt", "warnAt"];
    expect(Object.keys(listener.heard("hello")?.data ?? {})).toEqual(names);
    expect(listener.text).toMatch(/^retry: \d+$/m);
    expect(listener.heard("hello")?.id).toMatch(/./);
  });

  it("tells of changes, and of the end that another process made within a second", async () => {
    const { id, token } = await s.open("ended");
    const listener = listen(token);
    await listener.until(() => listener.heard("hello") !== undefined);
    await s.api("PATCH", `/v1/sessions/${id}`, { body: { data: { theme: "dark" } } });
    await listener.until(() => listener.heard("data") !== undefined);
    expect(listener.heard("data")?.data["keys"]).toEqual(["theme"]);
    const { out } = await sojourn(["sessions", "revoke", id, "--cause", "test", "--json"], env);
    const endedAt = Date.parse(String((JSON.parse(out) as Json)["endedAt"]));
    await listener.until(() => listener.ended);
    expect(listener.heard("ended")?.data).toEqual({ reason: "revoked" });
    // The instant is the one at which the other process ended it: its start-up does not count.
    expect(Date.now() - endedAt).toBeLessThan(5_000);
  });

  it("hears of a revocation by another process within one second of it", async () => {
    const { id, token } = await s.open("second");
    const listener = listen(token);
    await listener.until(() => listener.heard("hello") !== undefined);
    let heardAt = Number.POSITIVE_INFINITY;
    const heard = listener
      .until(() => listener.heard("ended") !== undefined, 20_000)
      .then(() => {
        heardAt = Date.now();
        return undefined;
      });
    const { out } = await sojourn(["sessions", "revoke", id, "--json"], env);
    await heard;
    expect(heardAt - Date.parse(String((JSON.parse(out) as Json)["endedAt"]))).toBeLessThan(1_000);
  });

  it("never counts as activity", async () => {
    const { token } = await s.open("still");
    const before = await s.bare("GET", "/v1/session", cookie(token));
    const listener = listen(token);
    await listener.until(() => listener.heard("hello") !== undefined);
    const after = await s.bare("GET", "/v1/session", cookie(token));
    expect(at(after.json, "session.seenAt")).toBe(at(before.json, "session.seenAt"));
  });

  it("resumes with hello; after the end with ended, and then ends the retrying", async () => {
    const { id, token } = await s.open("resume");
    const first = listen(token);
    await first.until(() => first.heard("hello") !== undefined);
    const last = first.heard("hello")?.id ?? "";
    first.stop();
    const second = listen(token, { "last-event-id": last });
    await second.until(() => second.heard("hello") !== undefined);
    second.stop();
    await s.api("POST", `/v1/sessions/${id}/revoke`);
    const third = listen(token, { "last-event-id": last });
    await third.until(() => third.ended);
    expect(third.heard("ended")?.data).toEqual({ reason: "revoked" });
    const fourth = listen(token, { "last-event-id": third.heard("ended")?.id ?? "" });
    await fourth.until(() => fourth.status !== 0);
    expect(fourth.status).toBe(204);
  });

  it("is refused without a session, and beyond sixteen of one session", async () => {
    const nobody = await s.bare("GET", "/v1/session/stream");
    expect([nobody.status, nobody.json["code"]]).toEqual([401, "unauthenticated"]);
    const { token } = await s.open("crowd");
    const crowd = Array.from({ length: 16 }, () => listen(token));
    for (const one of crowd) await one.until(() => one.heard("hello") !== undefined);
    const answer = await s.bare("GET", "/v1/session/stream", cookie(token));
    expect([answer.status, answer.json["code"]]).toEqual([429, "rate_limited"]);
    const [first] = crowd;
    first?.stop();
    await first?.until(() => first.ended);
    let status = 0;
    while (status !== 200) {
      const again = listen(token);
      await again.until(() => again.status !== 0);
      ({ status } = again);
    }
    expect(status).toBe(200);
  });
});

it("every live stream ends when the service stops", async () => {
  const s = await startTestService();
  const { token } = await s.open("stop");
  const listener = new Listener(`${s.service.url}/v1/session/stream`, cookie(token));
  await listener.until(() => listener.heard("hello") !== undefined);
  const stopped = performance.now();
  await s.service.stop();
  await listener.until(() => listener.ended);
  expect(performance.now() - stopped).toBeLessThan(3_000);
});
