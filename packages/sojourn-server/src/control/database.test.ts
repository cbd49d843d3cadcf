import { describe, expect, it } from "vitest";
import { openControlDatabase } from "./database.ts";

describe("the control database", () => {
  it("waits a quarter of a second for another process's write, on every Node", () => {
    const database = openControlDatabase(":memory:");
    expect(database.prepare("PRAGMA busy_timeout").get()).toEqual({ timeout: 250 });
    database.close();
  });
});
