/** Other tenants beside the shop, and receivers of its webhooks: one answers, one does not. */
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const FAILED = 500;
const TAKEN = 204;
const SETTLED_MS = 2_000;
const VERIFIED = 200;

/** @returns {Promise<import("node:http").Server>} */
function startReceiver() {
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/fraud" ? FAILED : TAKEN).end();
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** @param {import("./world.mjs").World} world @param {string} tenant @param {number} sessions */
async function busyTenant(world, tenant, sessions) {
  const { key } = await world.command(
    "keys",
    "create",
    "--tenant",
    tenant,
    "--name",
    `${tenant}-api`,
  );
  for (let count = 0; count < sessions; count += 1) {
    await fetch(`${world.service}/v1/sessions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ subject: `user${count}`, amr: ["pwd"] }),
    });
  }
}

/**
 * @param {import("./world.mjs").World} world
 * @param {import("./seed.mjs").Backend} shop
 */
export async function seedNeighbours(world, shop) {
  const scopes = ["--scope", "tenants:write", "--scope", "webhooks:write"];
  const office = await world.key("operations", scopes);
  const policy = { extends: "banking", idleMs: "5m" };
  const quotas = { sessions: 5_000, serviceKeys: 10, requestsPerSecond: 200 };
  await office("/tenants", { id: "acme", name: "Acme Corporation", policy, quotas });
  await office("/tenants", { id: "beta", name: "Beta Labs", quotas: { sessions: 8 } });
  await office("/tenants", { id: "old-shop" });
  await office("/tenants", { id: "umbrella", name: "Umbrella", policy: { idleMs: "15m" } });
  await busyTenant(world, "acme", 24);
  await busyTenant(world, "beta", 8);
  await office("/tenants/old-shop/erase", {});
  await office("/tenants/umbrella/suspend", {});
  const receiver = await startReceiver();
  const address = receiver.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const at = `http://127.0.0.1:${port}`;
  const events = ["session-ended", "token-fork", "token-forged"];
  await office("/webhooks", { url: `${at}/fraud`, description: "Fraud desk", events });
  await office("/webhooks", { url: `${at}/events`, description: "Data warehouse" });
  const { session, token } = await shop("/sessions", { subject: "alice", amr: ["pwd"] });
  for (let count = 0; count < VERIFIED; count += 1) await shop("/sessions/verify", { token });
  await shop(`/sessions/${session.id}/revoke`, { cause: "password_changed" });
  await sleep(SETTLED_MS);
  return receiver;
}
