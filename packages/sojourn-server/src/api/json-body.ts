/** Bodies are JSON or refused: a form or plain text is what another site's page could send. */
import { invalid } from "./problems.ts";
import type { App } from "./types.ts";

/** Deeper nesting exhausts the stack of whoever walks it. */
const DEPTH_MAX = 64;

export function acceptJson(app: App): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string" },
    (request, body: string, done) => {
      if (body.trim() === "") return done(null, undefined);
      if (depthOf(body) > DEPTH_MAX) {
        return done(invalid("", `nested deeper than ${DEPTH_MAX} levels`));
      }
      // Synchronous, and an error of its own carries the status.
      return void parse(request, body, done);
    },
  );
}

/** Deepest nesting of brackets outside of texts. One pass, no recursion. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index];
    if (inText) {
      if (character === "\\") index += 1;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth -= 1;
  }
  return deepest;
}
