import { isFreshBelowNearCaches, keepsPromises } from "./short.ts";

keepsPromises("postgres");
isFreshBelowNearCaches("postgres");
