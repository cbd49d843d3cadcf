/** What hurts users elsewhere, as acts over HTTP. Every act starts an application of its own. */
import { Browser } from "./browser.ts";
import type { Contestant, Running, StartOptions } from "./contestant.ts";

/** One field of the table. */
export interface Cell {
  readonly text: string;
  /** `undefined`: the question does not arise, or nothing is good or bad about it. */
  readonly good?: boolean;
}

export interface Act {
  readonly name: string;
  /** What was done and what is counted, for the page. */
  readonly explains: string;
  run(contestant: Contestant, rounds: number): Promise<Cell>;
}

const NOT_KEPT: Cell = { text: "nothing is stored" };

async function during<Result>(
  contestant: Contestant,
  play: (running: Running) => Promise<Result>,
  options: StartOptions = {},
): Promise<Result> {
  const running = await contestant.start(options);
  try {
    return await play(running);
  } finally {
    await running.close();
  }
}

async function signedIn(running: Running, user = "alice"): Promise<Browser> {
  const browser = new Browser(running.url);
  const { status } = await browser.get(`/login?user=${user}`);
  if (status !== 200) throw new Error(`signing in was answered with ${status}`);
  return browser;
}

async function userOf(browser: Browser): Promise<unknown> {
  return JSON.parse((await browser.get("/read")).body) as unknown;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

const KEYS = ["a", "b", "c", "d", "e"];

const parallelWrites: Act = {
  name: "5 requests at once, each sets another key: kept",
  explains:
    "Five requests of one browser load the session together, work for 30 ms and set a key each. Counted: keys that are there afterwards, over all rounds.",
  run: (contestant, rounds) =>
    during(contestant, async (running) => {
      let kept = 0;
      for (let round = 0; round < rounds; round += 1) {
        const browser = await signedIn(running);
        const set = (key: string) => browser.get(`/set?key=${key}&value=1&work=30`);
        await Promise.all(KEYS.map(set));
        for (const key of KEYS) {
          if ((await browser.get(`/get?key=${key}`)).body === '"1"') kept += 1;
        }
      }
      const each = (kept / rounds).toFixed(1).replace(/\.0$/, "");
      return { text: `${each} of 5`, good: kept === rounds * KEYS.length };
    }),
};

function logoutDuring(request: string): Act["run"] {
  return (contestant, rounds) =>
    during(contestant, async (running) => {
      let undone = 0;
      for (let round = 0; round < rounds; round += 1) {
        const browser = await signedIn(running);
        const straggler = browser.get(request);
        await pause(10);
        await browser.get("/logout");
        await straggler;
        if ((await userOf(browser)) === "alice") undone += 1;
      }
      return { text: `${undone} of ${rounds} undone`, good: undone === 0 };
    });
}

const logoutWriter: Act = {
  name: "logout while a request that writes is in flight",
  explains:
    "The request works for 40 ms and sets a key; the logout starts and ends in between. Counted: rounds after which the browser is signed in again.",
  run: logoutDuring("/set?key=a&value=1&work=40"),
};

const logoutReader: Act = {
  name: "logout while a request that only reads is in flight",
  explains: "The same with a request that changes nothing.",
  run: logoutDuring("/read?work=40"),
};

const replay: Act = {
  name: "the cookie from before a logout",
  explains: "A copy of the cookie is presented after its owner signed out.",
  run: (contestant) =>
    during(contestant, async (running) => {
      const browser = await signedIn(running);
      const thief = browser.copy();
      await browser.get("/logout");
      const valid = (await userOf(thief)) === "alice";
      return { text: valid ? "still valid" : "worthless", good: !valid };
    }),
};

const fixation: Act = {
  name: "the next sign-in takes over the old identifier",
  explains:
    "A browser that holds the cookie of an ended session signs in. Counted as adopted when the old cookie then stands for the new session.",
  run: (contestant) =>
    during(contestant, async (running) => {
      const browser = await signedIn(running, "mallory");
      const planted = browser.copy();
      const victim = browser.copy();
      await browser.get("/logout");
      await victim.get("/login?user=alice");
      const adopted = (await userOf(planted)) === "alice";
      return { text: adopted ? "adopted" : "new identifier", good: !adopted };
    }),
};

const READS = 10;

const readsWrite: Act = {
  name: "10 requests that only read: full writes",
  explains: "Counted: writes of the whole session, without touches that only move a deadline.",
  run: (contestant) =>
    during(contestant, async (running) => {
      const browser = await signedIn(running);
      const before = running.writes?.();
      if (before === undefined) return NOT_KEPT;
      for (let read = 0; read < READS; read += 1) await browser.get("/read");
      const writes = (running.writes?.() ?? 0) - before;
      return { text: String(writes), good: writes === 0 };
    }),
};

const flood: Act = {
  name: "10 anonymous requests: sessions stored",
  explains: "Ten visitors without a cookie look at a page that asks who is signed in.",
  run: (contestant) =>
    during(contestant, async (running) => {
      if (running.stored === undefined) return NOT_KEPT;
      const before = await running.stored();
      for (let read = 0; read < READS; read += 1) await new Browser(running.url).get("/read");
      const stored = (await running.stored()) - before;
      return { text: String(stored), good: stored === 0 };
    }),
};

const collision: Act = {
  name: "a change whose CRC32 equals that of the old value",
  explains: "`plumless` and `buckeroo` have one CRC32: a key is set to one and then to the other.",
  run: (contestant) =>
    during(contestant, async (running) => {
      const browser = await signedIn(running);
      await browser.get("/set?key=word&value=plumless");
      await browser.get("/set?key=word&value=buckeroo");
      const kept = (await browser.get("/get?key=word")).body === '"buckeroo"';
      return { text: kept ? "kept" : "dropped in silence", good: kept };
    }),
};

const SAMPLES = 60;

const readCost: Act = {
  name: "time of one signed-in read, ms",
  explains: "Median over HTTP on loopback, one request after the other, server work included.",
  run: (contestant) =>
    during(contestant, async (running) => {
      const browser = await signedIn(running);
      const times: number[] = [];
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        const start = performance.now();
        await browser.get("/read");
        times.push(performance.now() - start);
      }
      const median = times.toSorted((a, b) => a - b)[SAMPLES / 2] ?? Number.NaN;
      return { text: median.toFixed(1) };
    }),
};

const ABOUT_COOKIES = /cookie|secure|https/i;

const silence: Act = {
  name: "`Secure` cookie on an application served over plain HTTP",
  explains:
    "As behind a proxy that nobody configured. Told: the answer, an event or a warning says that the cookie was not set. A `Secure` cookie that is sent all the same is dropped by browsers.",
  run: (contestant) =>
    during(
      contestant,
      async (running) => {
        const browser = new Browser(running.url);
        const { status, headers, body } = await browser.get("/login?user=alice");
        if (headers["set-cookie"] !== undefined) return { text: "sent all the same", good: false };
        const { "set-cookie": _cookies, ...others } = headers;
        const says = (text: string): boolean => ABOUT_COOKIES.test(text);
        const answered = says(body) || Object.values(others).some((one) => says(String(one)));
        const told = answered || running.told?.() === true;
        return { text: `${status}, no cookie, ${told ? "told" : "no word"}`, good: told };
      },
      { secure: true },
    ),
};

const SIGN_INS = 10;

const endOthers: Act = {
  name: "10 simultaneous sign-ins, then end all others: survivors",
  explains: "One user signs in from ten browsers at once; one of them then ends the other nine.",
  run: (contestant, rounds) =>
    during(contestant, async (running) => {
      let survivors = 0;
      for (let round = 0; round < rounds; round += 1) {
        const user = `user${round}`;
        const browsers = await Promise.all(
          Array.from({ length: SIGN_INS }, () => signedIn(running, user)),
        );
        const [first, ...others] = browsers;
        const answer = await first?.get("/end-others");
        if (answer?.body === "no such call") return { text: "no such call" };
        for (const other of others) if ((await userOf(other)) === user) survivors += 1;
        if (first !== undefined && (await userOf(first)) !== user) survivors += SIGN_INS;
      }
      const others = rounds * (SIGN_INS - 1);
      return { text: `${survivors} of ${others}`, good: survivors === 0 };
    }),
};

export const ACTS: readonly Act[] = [
  parallelWrites,
  logoutWriter,
  logoutReader,
  replay,
  fixation,
  readsWrite,
  flood,
  collision,
  silence,
  endOthers,
  readCost,
];
