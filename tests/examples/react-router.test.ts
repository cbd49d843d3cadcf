import { showsSessions } from "./behaviour.ts";
import { formsAt } from "./visitor.ts";

const forms = formsAt({
  login: "/login",
  add: "/notes",
  elsewhere: "/elsewhere",
  logout: "/logout",
});

const built = { name: "react-router", start: () => ["build/server/index.js"] };
showsSessions("React Router", built, forms);
