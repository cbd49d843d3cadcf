import { showsSessions } from "./behaviour.ts";
import { formsAt } from "./visitor.ts";

const forms = formsAt({
  login: "/?/login",
  add: "/?/add",
  elsewhere: "/?/elsewhere",
  logout: "/?/logout",
});

showsSessions("SvelteKit", { name: "sveltekit", start: () => ["build/index.js"] }, forms);
