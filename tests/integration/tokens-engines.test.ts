/** Everything about tokens, against the real service on each engine, two processes of it. */
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { AccessVerifier } from "sojourn/tokens";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "./service-harness.ts";
import { AUDIENCE, BOUND_MS, ENGINES, ISSUER, oauthClient, startPair } from "./tokens-harness.ts";
import type { Pair } from "./tokens-harness.ts";

/** The bound, and what a busy machine takes to be asked again. */
const WITHIN = { timeout: BOUND_MS * 3, interval: 40 };

describe.each(ENGINES)("two services on %s", (_name, begin) => {
  let p: Pair;
  beforeAll(async () => {
    p = await startPair(begin);
  }, 60_000);
  afterAll(() => p?.stop(), 60_000);

  const statesOf = async (verifiers: readonly AccessVerifier[], token: string) => {
    const standings = await Promise.all(verifiers.map(async (it) => it.verify(token)));
    return standings.map(({ state }) => state);
  };
  const both = (state: string) => [state, state];

  it("[RT-01, RT-08] continue each other's refresh tokens, and end them for both", async () => {
    let at = 0;
    const client = await oauthClient(() => p.urls[at % 2] ?? "");
    expect(client.as).toMatchObject({ issuer: ISSUER, token_endpoint: `${ISSUER}/oauth/token` });
    const session = await p.open("alice");
    let token = await p.grant(session);
    const seen = new Set([token]);
    for (at = 0; at < 4; at += 1) {
      const answer = await client.refresh(token);
      const keySet = createRemoteJWKSet(new URL(`${p.urls[1 - (at % 2)]}/.well-known/jwks.json`));
      const whom = { issuer: ISSUER, audience: AUDIENCE, typ: "at+jwt" };
      const { payload } = await jwtVerify(answer.access_token, keySet, whom);
      expect(payload).toMatchObject({ sub: "alice", sid: session, scope: "cart:read" });
      token = answer.refresh_token ?? token;
      seen.add(token);
    }
    expect(seen.size).toBeGreaterThan(2);
    const [one, two] = p.urls;
    for (const base of p.urls) {
      const { json } = await p.form(base, "/oauth/introspect", `token=${token}`);
      expect(json).toMatchObject({ active: true, sub: "alice", aud: AUDIENCE });
    }
    await p.form(one, "/oauth/revoke", `token=${token}&client_id=app`);
    expect((await p.form(two, "/oauth/introspect", `token=${token}`)).json).toEqual({
      active: false,
    });
    const again = await p.form(
      two,
      "/oauth/token",
      `grant_type=refresh_token&client_id=app&refresh_token=${token}`,
    );
    expect([again.status, again.json["error"]]).toEqual([400, "invalid_grant"]);
  });

  it("[JW-16] sign what the other one's tokens are worth", async () => {
    const [one, two] = p.urls;
    const token = await p.mint(await p.open("alice"), one);
    const accept = "application/token-introspection+jwt";
    const answer = await p.form(two, "/oauth/introspect", `token=${token}`, { accept });
    const keySet = createRemoteJWKSet(new URL(`${one}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(answer.text, keySet, { issuer: ISSUER, audience: "api" });
    expect(payload["token_introspection"]).toMatchObject({ active: true, sub: "alice" });
  });

  it("[TE-02, JW-09] end, lock and unlock access tokens for whoever follows either feed", async () => {
    const [one, two] = p.urls;
    const verifiers = p.urls.map((url) => p.verifier(url));
    const ids = await Promise.all(["ann", "bob", "cem", "dot"].map((name) => p.open(name)));
    const tokens = await Promise.all(ids.map((id) => p.mint(id, two)));
    for (const token of tokens) {
      await expect.poll(() => statesOf(verifiers, token), WITHIN).toEqual(both("active"));
    }
    const [ann = "", bob = "", cem = "", dot = ""] = tokens;
    const [annId = "", , cemId = ""] = ids;
    const after = async (token: string, state: string): Promise<void> => {
      await expect.poll(() => statesOf(verifiers, token), WITHIN).toEqual(both(state));
    };
    await p.api("POST", `/v1/sessions/${annId}/revoke`, { body: {} }, one);
    await after(ann, "ended");
    await p.api("POST", "/v1/subjects/bob/revoke", { body: {} }, two);
    await after(bob, "ended");
    await p.api("POST", `/v1/sessions/${cemId}/lock`, { body: { factors: 1 } }, one);
    await after(cem, "locked");
    await p.api("POST", `/v1/sessions/${cemId}/unlock`, { body: { amr: ["otp"] } }, two);
    await after(cem, "active");
    const foreign = await p.form(one, "/oauth/revoke", `token=${dot}&client_id=other`);
    expect(foreign.status).toBe(401);
    expect(await statesOf(verifiers, dot)).toEqual(both("active"));
    expect((await p.form(one, "/oauth/revoke", `token=${dot}&client_id=app`)).status).toBe(200);
    await after(dot, "ended");
    const look = () => p.form(two, "/oauth/introspect", `token=${dot}`);
    await expect.poll(async () => (await look()).json, WITHIN).toEqual({ active: false });
    // Another token of the same session is none that was revoked.
    await after(await p.mint(ids[3] ?? "", one), "active");
  });

  it("tell by snapshot and by delta what ended, signed where that is asked for", async () => {
    const [one, two] = p.urls;
    const id = await p.open("eve");
    const page = async (query: string): Promise<Json> =>
      (await p.api("GET", `/v1/revocations${query}`, {}, two)).json;
    const before = await page("");
    expect(before).toMatchObject({ complete: true, tenant: "default" });
    const since = encodeURIComponent(String(before["position"]));
    const waiting = page(`?since=${since}&wait=5`);
    await p.api("POST", `/v1/sessions/${id}/revoke`, { body: {} }, one);
    const entry = expect.objectContaining({ kind: "session", session: id }) as Json;
    expect((await waiting)["entries"]).toEqual([entry]);
    expect((await page(""))["entries"]).toContainEqual(entry);
    expect(await page("?since=elsewhere.1")).toMatchObject({ complete: false, entries: [] });
  });

  it("[DP-04, DP-08] take a proof once between them, and each other's nonces", async () => {
    let at = 0;
    const client = await oauthClient(() => p.urls[at] ?? "");
    const token = await p.grant(await p.open("alice"), { cnf: { jkt: client.jkt } });
    const bound = await client.refreshBound(token);
    expect(bound.token_type).toBe("dpop");
    const [early = "", proof = ""] = client.proofs;
    const next = bound.refresh_token ?? token;
    const sent = `grant_type=refresh_token&client_id=app&refresh_token=${next}`;
    const errors = p.urls.map(async (base) => {
      const { json } = await p.form(base, "/oauth/token", sent, { dpop: proof });
      return json["error"];
    });
    expect(await Promise.all(errors)).toEqual(["invalid_dpop_proof", "invalid_dpop_proof"]);
    const bare = await p.form(p.urls[1], "/oauth/token", sent, { dpop: early });
    expect(bare.json["error"]).toBe("use_dpop_nonce");
    // The client's nonce is of the first process; at the second it needs no other one.
    at = 1;
    client.proofs.length = 0;
    expect((await client.refreshBound(next)).token_type).toBe("dpop");
    expect(client.proofs).toHaveLength(1);
  });

  it("[KY-02] rotate the signing keys under load without one failed verification", async () => {
    // The usual bound: keys are what is looked at here.
    const verifiers = p.urls.map((url) => p.verifier(url, 5_000));
    const id = await p.open("load");
    const kids = new Set<unknown>();
    const failures: string[] = [];
    let verified = 0;
    let over = false;
    const worker = async (index: number): Promise<void> => {
      for (let round = index; !over; round += 1) {
        const token = await p.mint(id, p.urls[round % 2]);
        const head = Buffer.from(token.split(".")[0] ?? "", "base64url").toString();
        kids.add((JSON.parse(head) as Json)["kid"]);
        for (const verifier of verifiers) {
          const standing = await verifier.verify(token);
          verified += 1;
          if (standing.state !== "active") failures.push(JSON.stringify(standing));
        }
      }
    };
    const workers = [0, 1].map(worker);
    const old = await p.mint(id);
    await p.rotate("3s");
    await expect.poll(() => kids.size, { timeout: 10_000 }).toBe(2);
    over = true;
    await Promise.all(workers);
    expect(failures).toEqual([]);
    expect(verified).toBeGreaterThan(20);
    expect(await statesOf(verifiers, old)).toEqual(both("active"));
  });

  it("end after a restart what they do not know the ends of, and issue anew", async () => {
    const id = await p.open("late");
    const token = await p.mint(id);
    await p.form(p.urls[0], "/oauth/revoke", `token=${token}&client_id=app`);
    // Instants in tokens are whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await p.restart();
    const verifiers = p.urls.map((url) => p.verifier(url));
    const ended = both("ended");
    await expect.poll(() => statesOf(verifiers, token), WITHIN).toEqual(ended);
    await expect
      .poll(async () => statesOf(verifiers, await p.mint(id)), WITHIN)
      .toEqual(both("active"));
  });
});
