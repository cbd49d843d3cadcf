/** The attacker uses a proof for a request it was not made for. */
import { describe, expect, it } from "vitest";
import { API, dpopWorld, whyOf } from "../support/dpop-world.ts";

describe("a proof", () => {
  it.each(["POST", "get", "Get", "HEAD", "GET ", ""])(
    "[DP-03] for %j is refused for GET",
    async (method) => {
      const world = await dpopWorld();
      const { alice } = world;
      const proof = await alice.odd({}, { htm: method });
      expect(await whyOf(world.ask(alice.token, proof))).toBe("method");
    },
  );

  it.each([
    `${API}/other`,
    `${API}/notes/`,
    `${API}/Notes`,
    `${API}/notes/1`,
    `${API}/notes%2F1`,
    API,
    "https://api.example:8443/notes",
    "http://api.example/notes",
    "https://api.example.attacker.example/notes",
    "https://api.example@attacker.example/notes",
    "https://user@api.example/notes",
    "https://api.example\\@attacker.example/notes",
    "https:/\\api.example\\notes",
    "//api.example/notes",
    "/notes",
    " https://api.example/notes",
    "https://api.example/no\ttes",
    "https://api.example/notes\n",
    "ftp://api.example/notes",
    "javascript:alert(1)",
    "",
    7,
    null,
    ["https://api.example/notes"],
  ])("[DP-03] for %j is refused", async (htu) => {
    const world = await dpopWorld();
    const { alice } = world;
    const proof = await alice.odd({}, { htu });
    expect(await whyOf(world.ask(alice.token, proof))).toBe("target");
  });

  it.each([
    "HTTPS://API.Example/notes",
    "https://api.example:443/notes",
    "https://api.example/notes?page=2#top",
    "https://api.example/./notes",
    "https://api.example/a/../notes",
    "https://api.example/%6eotes",
  ])("[DP-03] for the same address as %s is taken", async (htu) => {
    const world = await dpopWorld();
    const { alice } = world;
    const proof = await alice.odd({}, { htu });
    expect(await whyOf(world.ask(alice.token, proof))).toBe("active");
  });

  it("[DP-03] of a request with a query is for its path", async () => {
    const world = await dpopWorld();
    const { alice } = world;
    for (const path of [
      "/notes?page=2",
      "/notes?q=\\",
      "http://10.0.0.7:8080/notes?page=2",
      "/%6Eotes",
    ]) {
      expect(await whyOf(world.ask(alice.token, await alice.proof(), { path }))).toBe("active");
    }
    for (const path of ["/other?x=/notes", "*", "notes", "api.example:443", "", "/notes\u00e9"]) {
      expect(await whyOf(world.ask(alice.token, await alice.proof(), { path }))).toBe("target");
    }
  });

  it("[DP-03] is for the configured address, a path that a proxy cuts included", async () => {
    const world = await dpopWorld();
    const { alice } = world;
    const behind = world.node({ externalUrl: "https://www.example:8443/api/" });
    const url = "https://www.example:8443/api/notes";
    expect(await whyOf(behind(alice.token, await alice.proof({ url })))).toBe("active");
    expect(await whyOf(behind(alice.token, await alice.proof()))).toBe("target");
    const inner = "http://127.0.0.1:3000/notes";
    expect(await whyOf(behind(alice.token, await alice.proof({ url: inner })))).toBe("target");
  });
});
