import { expect, it } from "vitest";
import { rotationDue, showsSessions } from "./behaviour.ts";
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

showsSessions("Next.js", { name: "nextjs", start }, actions, (visitor) => {
  it("sets one cookie when a server action meets a token that is due", async () => {
    const alice = visitor();
    await alice.login("nora");
    await rotationDue();
    const answer = await alice.post("add", { note: "a" });
    expect(answer.cookies).toEqual([expect.stringMatching(/^__Host-session=sj1s_/)]);
    const { name, notes } = await alice.see();
    expect([name, notes]).toEqual(["nora", ["a"]]);
  });

  it("renews the token on a prerendered page, which no cache then keeps", async () => {
    const alice = visitor();
    await alice.login("petra");
    expect((await alice.see("/about")).answer.cookies).toEqual([]);
    await rotationDue();
    const { answer } = await alice.see("/about");
    expect(answer.cookies).toEqual([expect.stringMatching(/^__Host-session=sj1s_/)]);
    expect(answer.headers["cache-control"]).toContain("no-store");
    expect((await alice.see()).name).toBe("petra");
  });

  it("takes writes of route handlers and server actions at once (I4)", async () => {
    const alice = visitor();
    await alice.login("olga");
    const headers = { "content-type": "application/json" };
    const answers = await Promise.all([
      alice.twin().post("add", { note: "action" }),
      alice.twin().send("/api/notes", { headers, body: JSON.stringify({ note: "route" }) }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 201]);
    expect((await alice.see()).notes.toSorted()).toEqual(["action", "route"]);
  });
});
