/** The table of meant differences beside the page that tells users of them. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { probes } from "./cases/faces.ts";
import { sessionCases } from "./cases/sessions.ts";
import { cookieInput } from "./cases/cookie-input.ts";
import { races } from "./cases/races.ts";
import { intended, PAGE, shownElsewhere } from "./intended.ts";

const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), "utf8");
const headings = [...page.matchAll(/^#{2,3} (.+)$/gm)].map(([, text]) => text);

describe("the table of differences", () => {
  const all = [...new Set([...intended.map(({ heading }) => heading), ...shownElsewhere])];

  it.each(all)("%s has its heading in the guide", (heading) => {
    expect(headings).toContain(heading);
  });

  it("the guide names no difference that the table does not have", () => {
    expect(headings.filter((heading) => !all.includes(heading ?? ""))).toEqual([]);
  });
});
