import type { PrivateFiles } from "../engine/ports.ts";

/** Web runtimes have no files to keep secrets in. */
export const privateFiles: PrivateFiles | undefined = undefined;
