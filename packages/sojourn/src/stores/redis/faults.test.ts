import { describe, expect, it } from "vitest";
import { storeFault } from "./faults.ts";

describe("why no connection was made", () => {
  it.each([
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", "certificate is not trusted", false],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "wrong version number", "does not speak TLS", false],
    ["ETIMEDOUT", "connect ETIMEDOUT 10.0.0.1:6379", "cannot be reached", true],
  ])("%s is told in words, and whether it may pass", (code, said, words, retryable) => {
    const fault = storeFault(Object.assign(new Error(said), { code }), "connect");
    expect(fault.message).toContain(words);
    expect(fault).toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable });
  });
});
