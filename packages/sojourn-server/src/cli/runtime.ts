/** Which Node the command runs on: an old one lacks its own SQLite. */

const FLOOR: readonly [number, number] = [22, 13];

/** @param version Like `24.21.0`. @returns what to say when it is too old. */
export function runtimeProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [floorMajor, floorMinor] = FLOOR;
  if (major > floorMajor || (major === floorMajor && minor >= floorMinor)) return undefined;
  return `Node ${FLOOR.join(".")} or newer is needed; this is ${version}`;
}
