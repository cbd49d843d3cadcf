import { afterEach, describe, expect, it } from "vitest";
import { tellOfPlainHttp } from "./plain-http.ts";

const warnings: string[] = [];
const hear = ({ message }: Error): void => void warnings.push(message);

afterEach(() => {
  process.off("warning", hear);
  warnings.length = 0;
});

describe("a secure cookie over plain HTTP", () => {
  it("is told of once for each middleware, with the fix", async () => {
    process.on("warning", hear);
    const settings = {};
    tellOfPlainHttp(settings);
    tellOfPlainHttp(settings);
    await new Promise(setImmediate);
    expect(warnings).toEqual([expect.stringContaining('app.set("trust proxy", 1)')]);
    tellOfPlainHttp({});
    await new Promise(setImmediate);
    expect(warnings).toHaveLength(2);
  });
});
