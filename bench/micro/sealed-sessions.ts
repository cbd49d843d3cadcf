/** Reading a sealed session, beside two libraries that keep theirs in an encrypted cookie. */
import { H3, toWebHandler, updateSession, useSession } from "h3";
import { sealData, unsealData } from "iron-session";
import { createSessions, MemoryStore } from "sojourn";
import { createSealedSessions, sessionsAuthority } from "sojourn/sealed";
import type { RevocationFeed } from "sojourn/tokens";
import { compare } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atMost } from "../report.ts";
import type { Section } from "../report.ts";

const PASSWORD = "0123456789abcdef0123456789abcdef";
const DATA = { cart: ["tea", "milk"], theme: "dark", locale: "en-GB", seen: 12 };
/** Revocations that are held meanwhile. */
const REVOKED = 10_000;

export async function sealedSessions(effort: Effort): Promise<Section> {
  const ours = await sealed();
  const iron = await sealData({ subject: "alice", ...DATA }, { password: PASSWORD });
  const h3 = await h3Reader();
  const state = await ours.edge.read(ours.header);
  if (state.state !== "active") throw new Error("a good sealed session is refused");
  const figures = await compare(
    [
      { name: "sojourn sealed, read", run: () => ours.edge.read(ours.header) },
      { name: "sojourn sealed, seal", run: () => ours.edge.seal(ours.facts) },
      {
        name: "iron-session unsealData",
        run: () => unsealData(iron, { password: PASSWORD }),
      },
      { name: "h3 useSession, in a handler", run: h3 },
    ],
    effort,
  );
  const [read] = figures;
  await ours.sessions.close();
  return {
    title: `Sealed sessions, ${REVOKED} revocations held`,
    figures,
    goals: [atMost("read, CPU", read?.cpuUs ?? Number.NaN, 15, "µs")],
    notes: [
      `${ours.header.length} characters of Cookie header; iron-session's value ${iron.length}`,
      "the peers' cookies cannot be revoked: nothing of theirs is compared with a list",
    ],
  };
}

async function sealed() {
  const secrets = [Buffer.alloc(32, "a sealed secret of this benchmark").toString("base64url")];
  const store = new MemoryStore();
  const sessions = createSessions({ store, secrets, sweep: false, production: false });
  const now = Date.now();
  const entries = Array.from({ length: REVOKED }, (_, index) => ({
    kind: "session" as const,
    session: `ses_${index}`,
    at: now,
  }));
  const feed: RevocationFeed = {
    read: (since) =>
      Promise.resolve({
        position: "1",
        entries: since === undefined ? entries : [],
        complete: true,
        at: Date.now(),
        ageMs: 0,
        keepMs: 3_600_000,
      }),
  };
  const edge = createSealedSessions({ secrets, feed, authority: sessionsAuthority(sessions) });
  const { session, token } = await sessions.open({ subject: "alice", amr: ["pwd"], data: DATA });
  const summary = session.describe();
  if (summary === undefined) throw new Error("an opened session has a row");
  const facts = { session: summary, data: session.data, token };
  const header = (await edge.seal(facts)).map((line) => line.split(";")[0]).join("; ");
  return { sessions, edge, facts, header };
}

/** The way its documentation shows: a handler, with the session in the request's cookie. */
async function h3Reader(): Promise<() => Promise<unknown>> {
  const app = new H3();
  const config = { password: PASSWORD };
  app.get("/set", async (event) => {
    await updateSession(event, config, { subject: "alice", ...DATA });
    return "ok";
  });
  app.get("/", async (event) => (await useSession(event, config)).data["subject"] ?? "nobody");
  const handle = toWebHandler(app);
  const response = await handle(new Request("http://localhost/set"));
  const cookie = (response.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "";
  const ask = async (): Promise<string> =>
    (await handle(new Request("http://localhost/", { headers: { cookie } }))).text();
  if ((await ask()) !== "alice") throw new Error("h3 does not read its own session");
  return ask;
}
