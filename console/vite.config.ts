/**
 * The console as files that the service serves under `/console/`. `SOJOURN_SERVICE` is the address
 * of a running service, for `vite` while developing.
 */
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const OUT = fileURLToPath(new URL("../packages/sojourn-server/console/", import.meta.url));

export default defineConfig({
  base: "/console/",
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [react()],
  html: { cspNonce: "__CSP_NONCE__" },
  // What the Content-Security-Policy lets through: files of ours, nothing inline.
  build: {
    outDir: OUT,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox125", "safari17.5"],
    sourcemap: false,
    reportCompressedSize: false,
  },
});
