/** Nitro's server entry: the same application. */
export { app as default } from "./app.ts";
