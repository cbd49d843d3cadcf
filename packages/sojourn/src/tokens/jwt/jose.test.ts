import { afterEach, describe, expect, it, vi } from "vitest";

afterEach(() => {
  vi.doUnmock("jose");
  vi.resetModules();
});

describe("a missing jose", () => {
  it("is one error that names the fix, once something is to be verified", async () => {
    const { tokenWorld } = await import("../../../../../tests/support/token-world.ts");
    const world = await tokenWorld();
    const token = await world.issue();
    vi.resetModules();
    vi.doMock("jose", () => {
      throw new Error("Cannot find package 'jose'");
    });
    const { createVerifier } = await import("./verifier.ts");
    const verifier = createVerifier({
      issuer: "https://auth.example",
      audience: "https://api.example",
      jwks: await world.issuer.jwks(),
      feed: "none",
    });
    await expect(verifier.verify(token)).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringContaining("npm install jose@6") as string,
    });
    expect(await verifier.verify("garbage")).toMatchObject({ state: "unknown" });
  });

  it("is noticed by nothing else of sojourn/tokens", async () => {
    vi.doMock("jose", () => {
      throw new Error("Cannot find package 'jose'");
    });
    const { generateSecret } = await import("../index.ts");
    expect(generateSecret()).toMatch(/^[\w-]{43}$/);
  });
});
