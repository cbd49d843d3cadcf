/** The library in simulated worlds of trouble and strife. */
import { keepsPromises } from "./lives.ts";

keepsPromises("storms");
