/** The table of meant differences beside the page that tells users of them. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cookieInput } from "./cases/cookie-input.ts";
import { probes } from "./cases/faces.ts";
import { flowCases } from "./cases/flows.ts";
import { protocolCases } from "./cases/protocols.ts";
import { intended, PAGE, shownElsewhere } from "./intended.ts";

const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), "utf8");
const headings = [...page.matchAll(/^#{2,3} (.+)$/gm)].map(([, text]) => text);
const tabled = [...new Set([...intended.map(({ heading }) => heading), ...shownElsewhere])];

/** Names as the table matches them. A case that matches and does not differ fails by itself. */
const names = [
  ...Object.keys(probes),
  ...[...cookieInput, ...protocolCases, ...flowCases].flatMap(({ name }) =>
    ["spied", "neutral"].map((kind) => `${name} (${kind})`),
  ),
];

describe("the table of differences", () => {
  it.each(tabled)("%s has its heading in the guide", (heading) => {
    expect(headings).toContain(heading);
  });

  it("has every difference that the guide names", () => {
    console.log(`note: differential: ${tabled.length} intended differences`);
    expect(headings.filter((heading) => !tabled.includes(heading ?? ""))).toEqual([]);
  });

  it.each(intended)("$heading: some case shows it ($cases)", ({ cases }) => {
    expect(names.filter((name) => cases.test(name))).not.toEqual([]);
  });
});
