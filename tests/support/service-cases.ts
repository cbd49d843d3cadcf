/**
 * A resource away from the store, over HTTP: what an {@link edgeOrigin} issues is verified by its
 * JWKS and its signed feed, and proofs of the package `dpop` are judged. They need no test runner.
 */
import * as client from "dpop";
import { generateSecret, httpFeed, httpJwks } from "sojourn/tokens";
import { EDGE_AUDIENCE, EDGE_BOUND_MS, EDGE_ISSUER, edgeService } from "./edge-service.ts";
import { same } from "./same.ts";
import { sealedWorld } from "./sealed-world.ts";

interface ServiceCase {
  readonly name: string;
  run(origin: string): Promise<void>;
}

export const serviceCases: readonly ServiceCase[] = [
  {
    name: "[TE-02] serves a token by JWKS and signed feed, and refuses it once its session ended",
    async run(origin) {
      const ask = edgeService(origin);
      const session = newSession();
      const request = bearer(await text(`${origin}/token?session=${session}`));
      same(await answerOf(ask(request())), [200, "alice"]);
      await text(`${origin}/end?session=${session}`);
      await pause(EDGE_BOUND_MS);
      same(await answerOf(ask(request())), [401, "session"]);
      same(await answerOf(edgeService(origin)(request())), [401, "session"]);
    },
  },
  {
    name: "follows no redirect with its service key, and believes none",
    async run(origin) {
      const jwks = httpJwks({ url: `${origin}/jwks.json` });
      same(typeof (await jwks.read()), "object");
      const moved = httpJwks({ url: `${origin}/moved` });
      same(
        await moved.read().then(
          () => "read",
          () => "refused",
        ),
        "refused",
      );
      const names = { issuer: EDGE_ISSUER, jwks, serviceKey: "sj1k_edge" };
      const feed = httpFeed({ ...names, url: `${origin}/moved` });
      same(
        await feed.read().then(
          () => "read",
          () => "refused",
        ),
        "refused",
      );
    },
  },
  {
    name: "is unavailable while nobody answers for keys (I7)",
    async run(origin) {
      const token = await text(`${origin}/token?session=${newSession()}`);
      const ask = edgeService("http://127.0.0.1:9");
      same(await answerOf(ask(bearer(token)())), [503, "keys"]);
    },
  },
  {
    name: "[DP-01, DP-04, DP-05, DP-06] takes a bound token with its own key's proof, once",
    async run(origin) {
      const ask = edgeService(origin);
      const [alice, mallory] = [await holder(origin), await holder(origin)];
      const proof = await alice.proof();
      same(await answerOf(ask(alice.request(proof))), [200, "alice"]);
      same(await answerOf(ask(alice.request(proof))), [401, "replayed"]);
      same(await answerOf(ask(alice.request(undefined))), [401, "absent"]);
      same(await answerOf(ask(bearer(alice.token)())), [401, "binding"]);
      const theirs = await mallory.proof(alice.token);
      same(await answerOf(ask(alice.request(theirs))), [401, "binding"]);
      const forOther = await mallory.proof();
      same(await answerOf(ask(alice.request(forOther))), [401, "token_hash"]);
    },
  },
  {
    name: "opens a sealed session by the same feed",
    async run(origin) {
      const { signIn } = sealedWorld({}, Date.now());
      const { session, box } = await signIn();
      const ask = edgeService(origin);
      const request = (): Request =>
        new Request(`${EDGE_AUDIENCE}/sealed`, { headers: { cookie: box.header } });
      same((await sealedAnswer(ask(request()))).data, { cart: ["tea"] });
      await text(`${origin}/end?session=${(session.id ?? "").slice(4)}`);
      await pause(EDGE_BOUND_MS);
      same(await sealedAnswer(ask(request())), { state: "ended", reason: "revoked" });
    },
  },
];

interface Holder {
  readonly token: string;
  /** @param token Of whom it says to be; default: the holder's. */
  proof(token?: string): Promise<string>;
  request(proof: string | undefined): Request;
}

/** A client with a key of its own and a token that is bound to it. */
async function holder(origin: string): Promise<Holder> {
  const keys = await client.generateKeyPair("ES256");
  const jkt = await client.calculateThumbprint(keys.publicKey);
  const token = await text(`${origin}/token?session=${newSession()}&jkt=${jkt}`);
  const url = `${EDGE_AUDIENCE}/notes`;
  return {
    token,
    proof: (hashed = token) => client.generateProof(keys, url, "GET", undefined, hashed),
    request(proof) {
      const headers = { authorization: `DPoP ${token}`, ...(proof && { dpop: proof }) };
      return new Request(url, { headers });
    },
  };
}

function bearer(token: string): () => Request {
  const headers = { authorization: `Bearer ${token}` };
  return () => new Request(`${EDGE_AUDIENCE}/notes`, { headers });
}

/** Status, and who it is or why not. */
async function answerOf(asked: Promise<Response>): Promise<readonly unknown[]> {
  const response = await asked;
  const { subject, why } = (await response.json()) as { subject?: string; why?: string };
  return [response.status, subject ?? why];
}

async function sealedAnswer(asked: Promise<Response>): Promise<{ readonly data?: unknown }> {
  return (await (await asked).json()) as { readonly data?: unknown };
}

async function text(url: string): Promise<string> {
  return (await fetch(url)).text();
}

function newSession(): string {
  return generateSecret().slice(0, 24);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
