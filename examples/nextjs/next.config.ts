import { fileURLToPath } from "node:url";
import type { NextConfig } from "next";

const config: NextConfig = {
  // The library is linked from this repository; an application that installed it needs no root.
  turbopack: { root: fileURLToPath(new URL("../..", import.meta.url)) },
};

export default config;
