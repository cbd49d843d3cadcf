import { isFreshBelowNearCaches, keepsPromises } from "./short.ts";

keepsPromises("redis");
isFreshBelowNearCaches("redis");
