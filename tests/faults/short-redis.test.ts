import { keepsPromises } from "./short.ts";

keepsPromises("redis");
