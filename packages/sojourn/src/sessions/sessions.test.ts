import { describe, expect, it } from "vitest";
import type { SessionEvent } from "../protocol/events.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { createSessions } from "./create-sessions.ts";
import type { SessionsOptions } from "./options.ts";
import type { Sessions } from "./sessions.ts";

const SECRET = Buffer.from("0123456789abcdefghijklmnopqrstuvwxyzABCDEF").toString("base64url");
const MINUTE = 60_000;

interface Data {
  cart: string[];
  count: number;
}

function world(options: Partial<SessionsOptions> = {}): {
  sessions: Sessions<Data>;
  clock: ManualClock;
  events: SessionEvent[];
} {
  const clock = new ManualClock(1_800_000_000_000);
  const sessions = createSessions<Data>({ secrets: [SECRET], clock, sweep: false, ...options });
  const events: SessionEvent[] = [];
  sessions.events.on("*", (event) => events.push(event));
  return { sessions, clock, events };
}

describe("open and authenticate", () => {
  it("serves a session by its token and gives its subject and data", async () => {
    const { sessions } = world();
    const { token, session } = await sessions.open({
      subject: "alice",
      amr: ["pwd"],
      data: { count: 1 },
    });
    const standing = await sessions.authenticate(token);
    expect(standing.state).toBe("active");
    if (standing.state !== "active") return;
    expect(standing.session.id).toBe(session.id);
    expect(standing.session.subject).toBe("alice");
    expect(standing.session.data.count).toBe(1);
  });

  it("[TE-01] answers ended with the reason after a logout, from every copy of the token", async () => {
    const { sessions, events } = world();
    const { token, session } = await sessions.open({ subject: "alice" });
    await session.logout();
    expect(await sessions.authenticate(token)).toEqual({ state: "ended", reason: "logout" });
    expect(events.filter((event) => event.name === "session-ended")).toHaveLength(1);
  });

  it("[ID-05] answers unknown for what it never issued, and says so", async () => {
    const { sessions, events } = world();
    const other = createSessions({ secrets: [SECRET.replace("M", "N")], sweep: false });
    const foreign = await other.open({ subject: "mallory" });
    expect(await sessions.authenticate(foreign.token)).toEqual({ state: "unknown" });
    expect(await sessions.authenticate("nonsense")).toEqual({ state: "unknown" });
    expect(events.map((event) => event.name)).toEqual(["token-forged", "token-forged"]);
  });

  it("[TO-01] ends an idle session at the deadline, not one millisecond before", async () => {
    const { sessions, clock } = world({ policy: "owasp-asvs-l2" });
    const { token } = await sessions.open({ subject: "alice" });
    clock.advance(30 * MINUTE - 1);
    expect((await sessions.authenticate(token, { activity: false })).state).toBe("active");
    clock.advance(1);
    expect(await sessions.authenticate(token)).toEqual({ state: "ended", reason: "idle_timeout" });
  });

  it("[TO-02] ends at the absolute deadline whatever the activity", async () => {
    const { sessions, clock } = world({ policy: "owasp-asvs-l2" });
    const { token } = await sessions.open({ subject: "alice" });
    for (let minute = 0; minute < 12 * 60 - 1; minute += 1) {
      clock.advance(MINUTE);
      expect((await sessions.authenticate(token)).state).toBe("active");
    }
    clock.advance(MINUTE);
    expect(await sessions.authenticate(token)).toEqual({
      state: "ended",
      reason: "absolute_timeout",
    });
  });
});

describe("rotation through the public face", () => {
  it("[TO-08] gives the identical successor to parallel requests and confirms it on first use", async () => {
    const { sessions, clock, events } = world({ policy: "owasp-asvs-l2" });
    const { token } = await sessions.open({ subject: "alice" });
    for (let minute = 0; minute < 6; minute += 1) {
      clock.advance(10 * MINUTE);
      await sessions.authenticate(token);
    }
    const context = { canSetToken: true };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => sessions.authenticate(token, context)),
    );
    const successors = new Set(
      answers.map((answer) => (answer.state === "active" ? answer.successor : "none")),
    );
    expect(successors.size).toBe(1);
    const [successor] = successors;
    expect(successor).toMatch(/^sj1s_/);
    expect((await sessions.authenticate(successor ?? "")).state).toBe("active");
    expect((await sessions.authenticate(token)).state).toBe("active");
    expect(events.some((event) => event.name === "token-fork")).toBe(false);
  });
});

describe("data", () => {
  it("keeps every parallel update (I4)", async () => {
    const { sessions } = world();
    const { token } = await sessions.open({ subject: "alice" });
    const add = async (item: string): Promise<void> => {
      const standing = await sessions.authenticate(token);
      if (standing.state === "active") {
        await standing.session.update((draft) => {
          (draft.cart ??= []).push(item);
        });
      }
    };
    await Promise.all(["a", "b", "c", "d", "e"].map(add));
    const standing = await sessions.authenticate(token);
    expect(standing.state === "active" && standing.session.data.cart?.toSorted()).toEqual([
      "a",
      "b",
      "c",
      "d",
      "e",
    ]);
  });
});
