/** express-session 1.19 and ours, case by case; the rule is that nothing differs. */
import { describe, it } from "vitest";
import { cookieAttributes } from "./cases/cookie-attributes.ts";
import { cookieInput } from "./cases/cookie-input.ts";
import { faultCases } from "./cases/faults.ts";
import { flowCases } from "./cases/flows.ts";
import { optionCases } from "./cases/options.ts";
import { placeCases } from "./cases/places.ts";
import { protocolCases } from "./cases/protocols.ts";
import { races } from "./cases/races.ts";
import { suite } from "./support/suite.ts";

const { same } = suite("single cases");

describe.each([
  ["attributes of the cookie", cookieAttributes],
  ["cookies that come in", cookieInput],
  ["options", optionCases],
  ["places of the middleware", placeCases],
  ["stores in trouble", faultCases],
  ["methods in a row", flowCases],
  ["protocols", protocolCases],
  ["races", races.map((race) => ({ ...race, stores: ["neutral"] as const }))],
] as const)("%s are as upstream's", (_subject, all) => {
  it.each(all)("$name", same);
});
