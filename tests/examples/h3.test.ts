import { showsSessions } from "./behaviour.ts";
import { formsAt } from "./visitor.ts";

const forms = formsAt({
  login: "/login",
  add: "/notes",
  elsewhere: "/elsewhere",
  logout: "/logout",
});

const nitro = { name: "h3", start: () => [".output/server/index.mjs"] };
showsSessions("h3 built by Nitro", nitro, forms);

showsSessions("h3 alone", { name: "h3", start: () => ["main.ts"] }, forms);
