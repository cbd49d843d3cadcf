import { describe, expect, it } from "vitest";
import { SqliteControl } from "./sqlite-control.ts";

describe("the control store in a file", () => {
  it("waits a quarter of a second for another process's write, on every Node", async () => {
    const control = new SqliteControl(":memory:");
    const { rows } = await control.run("look", "SELECT timeout FROM pragma_busy_timeout");
    expect(rows).toEqual([{ timeout: 250 }]);
    await control.close();
  });
});
