/**
 * Who may sign in. Passwords are kept as scrypt hashes and compared in constant time; a name that
 * does not exist costs as much as a wrong password, so that guessing tells nothing.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(scrypt);
const KEY_BYTES = 32;

/** Shown on the first page: this is a demo. They come back at every start. */
const SAMPLES = [
  { name: "alice", password: "correct horse" },
  { name: "bob", password: "battery staple" },
];

/** @type {Map<string, { salt: Buffer, hash: Buffer, changed: boolean }>} */
const people = new Map();
for (const { name, password } of SAMPLES) people.set(name, await hashed(password));

const nobody = await hashed(randomBytes(16).toString("hex"));

async function hashed(password, changed = false) {
  const salt = randomBytes(16);
  return { salt, hash: await derive(password, salt, KEY_BYTES), changed };
}

/** @returns {Promise<boolean>} true when the password is the person's. */
export async function checkPassword(name, password) {
  const person = people.get(name) ?? nobody;
  const hash = await derive(password, person.salt, KEY_BYTES);
  return timingSafeEqual(hash, person.hash) && person !== nobody;
}

export async function changePassword(name, password) {
  people.set(name, await hashed(password, true));
}

/** The samples whose password is still the one shown. */
export function shownSamples() {
  return SAMPLES.filter(({ name }) => people.get(name)?.changed === false);
}
