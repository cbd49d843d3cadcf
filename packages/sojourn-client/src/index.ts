/** The public face of `sojourn-client`: for pages and workers of a browser. */
export { createClient } from "./client.ts";
export type { Client, ClientOptions, Tier } from "./client.ts";
