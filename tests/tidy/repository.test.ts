/** How the rules read source text: a reader that sees too little would let everything pass. */
import { describe, expect, it } from "vitest";
import { withoutLiterals } from "./repository.ts";

describe("source text without literals", () => {
  it.each([
    ['it("[CK-01] a title", () => {', "it(, () => {"],
    ["const a = 'it\\'s' + `x\\`y`;", "const a =  + ;"],
    ['const quotes = /["\'`]/gu.test(a) ? "b" : "c";', "const quotes = .test(a) ?  : ;"],
    ["return /a\\/b[/]c/;", "return ;"],
    ["const half = all / 2 + most / 3;", "const half = all / 2 + most / 3;"],
  ])("of %s is %s", (text, rest) => {
    expect(withoutLiterals(text)).toBe(rest);
  });

  it("keeps comments whole, whatever quotes they hold", () => {
    const text = "/** It's `one` and \"two\". */\nf(); // it's /a/\n";
    expect(withoutLiterals(text)).toBe(text);
  });

  it("takes a comment mark within a literal for text", () => {
    expect(withoutLiterals('const a = "/*"; // kept\nconst b = "*/";')).toBe(
      "const a = ; // kept\nconst b = ;",
    );
  });

  it("keeps the lines of a template apart", () => {
    expect(withoutLiterals("f(`one\n  two ${three}`, 4);")).toBe("f(\n, 4);");
  });
});
