import { describe, expect, it } from "vitest";
import { SCOPES } from "../control/key-table.ts";
import { isGuarded, scopesOf } from "./roles.ts";

const all = ["*"];

describe("a role", () => {
  it("is more than the one below it, and an administrator's is everything", () => {
    const [auditor, operator, admin] = (["auditor", "operator", "admin"] as const).map((role) =>
      scopesOf({ role, tenants: all }),
    );
    expect(operator).toEqual(expect.arrayContaining([...(auditor ?? [])]));
    expect(admin).toEqual([...SCOPES]);
    expect(auditor?.every((scope) => scope.endsWith(":read"))).toBe(true);
    expect(operator).not.toContain("keys:write");
    expect(operator).not.toContain("data:read");
  });

  it("that names other tenants is for whoever may see all of them", () => {
    const scopes: readonly string[] = scopesOf({ role: "admin", tenants: ["acme"] });
    expect(scopes).not.toContain("tenants:write");
    expect(scopes).toContain("keys:write");
  });

  it("lets look at keys without a passkey, and change none", () => {
    expect([isGuarded("keys:write", "GET"), isGuarded("keys:write", "POST")]).toEqual([
      false,
      true,
    ]);
  });
});
