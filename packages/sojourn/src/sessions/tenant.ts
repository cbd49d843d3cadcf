/** Names of tenants, as configuration gives them. */

const TENANT: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export function isTenant(tenant: unknown): tenant is string {
  return typeof tenant === "string" && TENANT.test(tenant);
}
