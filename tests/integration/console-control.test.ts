/** What the console keeps in the control store, on every engine that can hold one. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConsoleApprovals } from "../../packages/sojourn-server/src/control/console-approvals.ts";
import { ConsolePasskeys } from "../../packages/sojourn-server/src/control/console-passkeys.ts";
import { ConsoleUsers } from "../../packages/sojourn-server/src/control/console-users.ts";
import { CONTROL_ENGINES } from "../support/control-grounds.ts";
import type { ControlGround } from "../support/control-grounds.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe.each(CONTROL_ENGINES)("users of the console in %s", (_name, start) => {
  let ground: ControlGround;
  let now = 1_800_000_000_000;

  beforeAll(async () => {
    ground = await start();
  });

  afterAll(async () => {
    await ground.end();
  });

  function world() {
    const open = ground.fresh();
    // Two processes, each on connections of its own.
    const [one, two] = [open(), open()];
    const clock = (): number => now;
    return {
      users: new ConsoleUsers(one, clock),
      others: new ConsoleUsers(two, clock),
      passkeys: new ConsolePasskeys(one),
      approvals: new ConsoleApprovals(one, clock),
      otherApprovals: new ConsoleApprovals(two, clock),
    };
  }

  it("lets one of many use a link, in whatever process", async () => {
    const { users, others } = world();
    const { token } = await users.invite({ name: "ada", role: "admin" });
    const all = [users, others].flatMap((desk) => [desk.redeem(token), desk.redeem(token)]);
    const redeemed = await Promise.all(all);
    expect(redeemed.filter((user) => user?.name === "ada")).toHaveLength(1);
    expect(redeemed.filter((user) => user !== undefined)).toHaveLength(1);
  });

  it("ends links at their time, with the user's access, and keeps no other's", async () => {
    const { users } = world();
    const [late, gone, good] = [
      await users.invite({ name: "late", role: "auditor" }),
      await users.invite({ name: "gone", role: "auditor", tenants: ["acme", "b"] }),
      await users.invite({ name: "good", role: "operator" }),
    ];
    await users.disable(gone.user.id);
    expect(await users.redeem(gone.token)).toBeUndefined();
    now += 15 * MINUTE - 1;
    expect(await users.redeem(good.token)).toMatchObject({ name: "good", tenants: ["*"] });
    now += 1;
    expect(await users.redeem(late.token)).toBeUndefined();
    const again = await users.invite({ name: "gone" });
    expect(await users.redeem(again.token)).toMatchObject({
      role: "auditor",
      tenants: ["acme", "b"],
    });
    expect((await users.list()).map(({ name }) => name)).toEqual(["gone", "good", "late"]);
  });

  it("makes one user of two invitations at once", async () => {
    const { users, others } = world();
    const invited = await Promise.all(
      [users, others].map((desk) => desk.invite({ name: "twin", role: "admin" })),
    );
    expect(new Set(invited.map(({ user }) => user.id)).size).toBe(1);
  });

  it("keeps passkeys apart, and takes a counter forward only", async () => {
    const { users, passkeys } = world();
    const { user } = await users.invite({ name: "keyed", role: "admin" });
    const passkey = {
      id: "credential-1",
      userId: user.id,
      label: "Key",
      publicKey: new Uint8Array([1, 2, 255]),
      counter: 5,
      transports: ["internal", "hybrid"],
      synced: true,
      createdAt: now,
    };
    expect(await passkeys.insert(passkey)).toBe(true);
    expect(await passkeys.insert({ ...passkey, userId: "usr_other" })).toBe(false);
    expect(await passkeys.find("credential-1")).toEqual(passkey);
    expect((await users.find(user.id))?.passkeys).toBe(1);
    const steps = [];
    for (const counter of [6, 6, 5, 0, 7]) {
      steps.push(await passkeys.noteUse("credential-1", counter, now));
    }
    expect(steps).toEqual([true, false, false, false, true]);
    expect(await passkeys.remove("credential-1", "usr_other")).toBe(false);
    expect(await passkeys.remove("credential-1", user.id)).toBe(true);
    // One that counts nothing says 0 for ever.
    await passkeys.insert({ ...passkey, counter: 0 });
    expect(await passkeys.noteUse("credential-1", 0, now)).toBe(true);
    expect(await passkeys.noteUse("credential-1", 0, now)).toBe(true);
  });

  it("lets one decision of many count, until an approval is over", async () => {
    const { approvals, otherApprovals } = world();
    const wanted = {
      tenant: "default",
      method: "POST",
      path: "/v1/keys/x/revoke",
      summary: "End a service key",
      body: "null",
      by: { id: "usr_1", name: "ada" },
    };
    const by = { id: "usr_2", name: "bob" };
    const asked = await approvals.ask(wanted);
    const late = await approvals.ask(wanted);
    const id = asked?.id ?? "";
    const decided = await Promise.all(
      [approvals, otherApprovals, approvals].map((desk) => desk.decide(id, "approved", by)),
    );
    expect(decided.filter(Boolean)).toHaveLength(1);
    await approvals.done(id, 200);
    const kept = { state: "approved", decidedBy: by, status: 200 };
    expect(await otherApprovals.find(id)).toMatchObject({ ...wanted, ...kept });
    now += DAY;
    expect(await approvals.decide(late?.id ?? "", "approved", by)).toBe(false);
    expect((await approvals.find(late?.id ?? ""))?.state).toBe("expired");
    expect(await approvals.list("pending")).toEqual([]);
    expect(await approvals.list("any")).toHaveLength(2);
  });
});
