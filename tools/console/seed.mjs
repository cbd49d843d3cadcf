/** A day of a small shop: sessions that come, go, are ended, and the odd attack. */
const NAMES =
  "alice bob carol dave erin frank grace heidi ivan judy mallory niaj olivia peggy rupert sybil trent victor walter";
const SUBJECTS = NAMES.split(" ");
const DEVICES = [
  ["Firefox on Linux", "203.0.113.24"],
  ["Safari on iPhone", "198.51.100.7"],
  ["Chrome on Windows", "192.0.2.118"],
  ["Chrome on Android", "198.51.100.90"],
  ["Edge on Windows", "203.0.113.201"],
];
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const HOURS = 24;
const GOING_SHARE = 0.6;
/** When a token is copied, in hours before now. */
const COPIED_AGO = 4;
/** Sign-ins of each hour of the day before now: quiet nights, two peaks. */
const CURVE = [
  9, 14, 16, 12, 8, 5, 3, 2, 1, 1, 2, 4, 9, 13, 17, 19, 15, 11, 10, 12, 14, 12, 10, 18,
];

/** Numbers that are the same in every run. @param {number} seed */
function sequence(seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/**
 * @typedef {Awaited<ReturnType<import("./world.mjs").World["key"]>>} Backend
 * @typedef {{ id: string, token: string }} Opened
 */

/**
 * @param {Backend} shop
 * @param {(below: number) => number} draw
 * @returns {Promise<Opened>}
 */
async function open(shop, draw) {
  const subject = SUBJECTS[draw(SUBJECTS.length)];
  const at = draw(DEVICES.length);
  const [label, address] = DEVICES[at] ?? [];
  const { session, token } = await shop("/sessions", {
    subject,
    amr: draw(3) === 0 ? ["pwd", "otp"] : ["pwd"],
    remember: draw(2) === 0,
    device: { id: `dev_${subject}${at}`, label, address },
    data: { cart: [{ sku: "A-100", count: 1 + draw(3) }], locale: "en-GB" },
  });
  return { id: session.id, token };
}

/** @param {string} service @param {string} token The holder's own logout. */
async function logOut(service, token) {
  await fetch(`${service}/v1/session`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  });
}

/**
 * Most of who came in the hours before has gone by now; some are forgotten, and end by themselves.
 *
 * @param {import("./world.mjs").World} world
 * @param {Backend} shop
 * @param {{ count: number, draw: (below: number) => number, there: Opened[] }} hour
 */
async function oneHour(world, shop, { count, draw, there }) {
  const going = there.splice(0, Math.floor(there.length * GOING_SHARE));
  for (const { id, token } of going) {
    const fate = draw(12);
    if (fate === 0) await shop(`/sessions/${id}/revoke`, { cause: "password_changed" });
    else if (fate > 1) await logOut(world.service, token);
  }
  for (let index = 0; index < count; index += 1) there.push(await open(shop, draw));
  for (const session of there) {
    if (draw(4) > 0) continue;
    session.token = (await shop(`/sessions/${session.id}/rotate`, {})).token;
  }
}

/** Tokens that nobody gave out. @param {Backend} shop @param {string} token */
async function forge(shop, token) {
  const middle = Math.floor(token.length / 2);
  for (let index = 0; index < 3; index += 1) {
    const other = token[middle] === "A" ? "B" : "A";
    const forged = `${token.slice(0, middle)}${other}${token.slice(middle + 1 + index)}`;
    await shop("/sessions/verify", { token: forged });
  }
}

/**
 * Its holder goes on with a renewed token; whoever has the copy comes back with what it was.
 *
 * @param {Backend} shop
 * @param {string} token
 */
async function goOn(shop, token) {
  const { successor } = await shop("/sessions/verify", {
    token,
    activity: true,
    canSetToken: true,
  });
  if (successor === undefined) return token;
  await shop("/sessions/verify", { token: successor, activity: true });
  return successor;
}

/** @param {import("./world.mjs").World} world @param {Backend} shop @param {Opened[]} there */
async function lastMinutes(world, shop, there) {
  const draw = sequence(7);
  await oneHour(world, shop, { count: 14, draw, there });
  const [first] = there;
  if (first === undefined) throw new Error("nobody is there");
  await forge(shop, first.token);
  const locked = await open(shop, draw);
  await shop(`/sessions/${locked.id}/lock`, {});
}

/**
 * @param {import("./world.mjs").World} world Running; it is stopped and started on the way.
 * @returns {Promise<Backend>} the shop.
 */
export async function seedDay(world) {
  const shop = await world.key("shop-api");
  const draw = sequence(20_261_122);
  /** @type {Opened[]} */
  const there = [];
  /** @type {Opened | undefined} */
  let copied;
  /** @type {string | undefined} */
  let holder;
  for (let ago = HOURS - 1; ago >= 1; ago -= 1) {
    await world.stop();
    await world.start(ago * HOUR_MS - MINUTE_MS);
    await oneHour(world, shop, { count: CURVE[HOURS - ago] ?? 4, draw, there });
    if (ago === COPIED_AGO) copied = await open(shop, draw);
    else if (holder !== undefined) holder = await goOn(shop, holder);
    holder ??= copied?.token;
  }
  await world.stop();
  await world.start();
  if (copied !== undefined) await shop("/sessions/verify", { token: copied.token });
  await lastMinutes(world, shop, there);
  return shop;
}
