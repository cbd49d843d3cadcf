import * as fc from "fast-check";

/** Letters that encodings trip over: what JSON escapes, base64url's ends, two to four bytes. */
export const oddLetter: fc.Arbitrary<string> = fc.constantFrom(
  ...Array.from('aZ-_=0\0\n"\\\u007féÿ日😀'),
);
