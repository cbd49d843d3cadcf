/** Drivers are loaded when a place needs them: a service on SQLite starts without. */
import { PlaceError } from "./trouble.ts";

/** @throws {PlaceError} when the package is not installed. */
export async function driver<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") {
      throw new PlaceError(name, `this package is missing; run: npm install ${name}`);
    }
    throw error;
  }
}
