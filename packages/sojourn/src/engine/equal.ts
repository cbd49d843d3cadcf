/**
 * Compare two secrets in time that depends on their lengths only. Pure JavaScript on purpose: it
 * runs in every runtime and for 85 characters costs less than one call into native code.
 */
export function equalText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) {
    difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  }
  return difference === 0;
}
