import { showsSessions } from "./behaviour.ts";
import type { Posting } from "./visitor.ts";

const BOUNDARY = "form-boundary";

/** Server actions without JavaScript: the page names the action in a hidden field of each form. */
const actions: Posting = (act, fields, page) => {
  if (act === "logout") return { path: "/logout" };
  const ids = [...page.matchAll(/name="(\$ACTION_ID_\w+)"/g)].map(([, id]) => id);
  const id = act === "elsewhere" ? ids.at(1) : ids.at(0);
  if (id === undefined) throw new Error(`the page has no form for ${act}`);
  const parts = Object.entries({ [id]: "", ...fields }).map(
    ([name, value]) =>
      `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    path: "/",
    body: `${parts.join("")}--${BOUNDARY}--\r\n`,
    headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
  };
};

const NEXT = "node_modules/next/dist/bin/next";
const start = (port: number) => [NEXT, "start", "-H", "127.0.0.1", "-p", String(port)];

showsSessions("Next.js", { name: "nextjs", start }, actions);
