/** Methods of a session and of its store, one after the other. */
import { tell } from "../support/acts.ts";
import { errorText, show } from "../support/text.ts";
import type { Case, Done, Incoming, LooseSession, Route, Step, World } from "../support/types.ts";

type Flow = (req: Incoming, world: World, done: (what: string) => void) => void;

const step = (world: World, name: string, next: () => void): Done => {
  return (error) => {
    const failed = error !== undefined && error !== null;
    world.log(`${name} calls back${failed ? ` ${errorText(error)}` : ""}`);
    next();
  };
};

/** Methods one after the other. */
const FLOWS: Readonly<Record<string, Flow>> = {
  "destroy, then reload": ({ session }, world, done) => {
    session.destroy(
      step(world, "destroy", () => session.reload(step(world, "reload", () => done("")))),
    );
  },
  "destroy, then save": ({ session }, world, done) => {
    session.destroy(
      step(world, "destroy", () => session.save(step(world, "save", () => done("")))),
    );
  },
  "destroy, then regenerate": ({ session }, world, done) => {
    session.destroy(
      step(world, "destroy", () => session.regenerate(step(world, "regenerate", () => done("")))),
    );
  },
  "destroy twice": ({ session }, world, done) => {
    session.destroy(step(world, "one", () => session.destroy(step(world, "two", () => done("")))));
  },
  "destroy, then generate": (req, world, done) => {
    req.session.destroy(
      step(world, "destroy", () => {
        req.sessionStore.generate(req);
        req.session["n"] = 1;
        done(typeof req.session);
      }),
    );
  },
  "regenerate twice": (req, world, done) => {
    req.session.regenerate(
      step(world, "one", () =>
        req.session.regenerate(step(world, "two", () => done(req.sessionID))),
      ),
    );
  },
  "regenerate with the contents": (req, world, done) => {
    const { cookie, ...contents } = req.session;
    req.session.regenerate(
      step(world, "regenerate", () => {
        Object.assign(req.session, contents);
        done(show(cookie.originalMaxAge));
      }),
    );
  },
  "regenerate, save, reload": (req, world, done) => {
    req.session.regenerate(
      step(world, "regenerate", () => {
        req.session["n"] = 7;
        req.session.save(
          step(world, "save", () => req.session.reload(step(world, "reload", () => done("")))),
        );
      }),
    );
  },
  "regenerate, then the old session's save": (req, world, done) => {
    const old = req.session;
    old.regenerate(
      step(world, "regenerate", () => old.save(step(world, "save", () => done(old.id)))),
    );
  },
  "reload twice": (req, world, done) => {
    const old = req.session;
    old.reload(
      step(world, "one", () =>
        req.session.reload(step(world, "two", () => done(String(old === req.session)))),
      ),
    );
  },
  "reload, change the old object": (req, world, done) => {
    const old = req.session;
    old.reload(
      step(world, "reload", () => {
        old["lost"] = true;
        done(Object.keys(req.session).join());
      }),
    );
  },
  "save twice": ({ session }, world, done) => {
    session["n"] = 2;
    session.save(
      step(world, "one", () => {
        session["n"] = 3;
        session.save(step(world, "two", () => done("")));
      }),
    );
  },
  "save twice at once": ({ session }, world, done) => {
    let left = 2;
    const one = step(world, "save", () => void (--left === 0 && done("")));
    session["n"] = 2;
    session.save(one);
    session["n"] = 3;
    session.save(one);
  },
  "touch, then save": ({ session }, world, done) => {
    session.touch().save(step(world, "save", () => done("")));
  },
  "what methods return": ({ session }, world, done) => {
    const results = [
      session.save(step(world, "save", () => undefined)) === session,
      session.reload(step(world, "reload", () => undefined)) === session,
      session.regenerate(
        step(world, "regenerate", () => session.destroy(step(world, "destroy", () => done("")))),
      ) === session,
    ];
    world.log(JSON.stringify(results));
  },
  "the arguments of callbacks": ({ session }, world, done) => {
    session.save((...one) => {
      world.log(`save ${one.map(show).join()}`);
      session.reload((...two) => {
        world.log(`reload ${two.map(show).join()}`);
        session.destroy((...three) => {
          world.log(`destroy ${three.map(show).join()}`);
          done("");
        });
      });
    });
  },
  "the store's regenerate": (req, world, done) => {
    req.sessionStore.regenerate(
      req,
      step(world, "regenerate", () => done(req.sessionID)),
    );
  },
  "the store's load": (req, world, done) => {
    req.sessionStore.load(req.sessionID, (error, session) => {
      world.log(`loaded ${show(error)} ${show(session)} ${session instanceof world.impl.Session}`);
      done(String((session as LooseSession | undefined)?.id));
    });
  },
  "the store's load of nobody": (req, world, done) => {
    req.sessionStore.load("nobody", (...given) => {
      world.log(`loaded ${given.map(show).join()}`);
      done("");
    });
  },
  "a loaded session's methods": (req, world, done) => {
    req.sessionStore.load(req.sessionID, (_error, loaded) => {
      const session = loaded as LooseSession | undefined;
      if (session === undefined) return done("none");
      session["loaded"] = true;
      session.touch().save(step(world, "save", () => done(session.id)));
    });
  },
  "the store's createSession": (req, world, done) => {
    const row = { cookie: { originalMaxAge: 5_000, expires: "2030-01-01T00:00:09.000Z" }, made: 1 };
    const session = req.sessionStore.createSession(req, row);
    done(`${session === req.session} ${show(session)} ${session instanceof world.impl.Session}`);
  },
  "the store's generate": (req, _world, done) => {
    req.sessionStore.generate(req);
    done(req.sessionID);
  },
  "the store's set under another id": (req, world, done) => {
    const session = { cookie: { path: "/" }, direct: true };
    req.sessionStore.set(
      "direct",
      session,
      step(world, "set", () => done("")),
    );
  },
  "the store's destroy behind the session's back": (req, world, done) => {
    req.sessionStore.destroy(
      req.sessionID,
      step(world, "destroy", () => done("")),
    );
  },
  "a change after the store's destroy": (req, world, done) => {
    req.sessionStore.destroy(
      req.sessionID,
      step(world, "destroy", () => {
        req.session["back"] = true;
        done("");
      }),
    );
  },
};

const ALL = { resave: true, saveUninitialized: true };

export const flowCases: readonly Case[] = Object.entries(FLOWS).flatMap(([name, flow]) => {
  const route: Route = (req, res, world) => {
    flow(req, world, (what) => {
      world.log(`done ${what}`);
      tell(req, res, world);
    });
  };
  const script: readonly Step[] = ["/modify", { advance: 1_000 }, "/flow", "/read", "/modify"];
  const fresh: readonly Step[] = ["/flow", "/read", "/modify"];
  const routes = { flow: route };
  const timed = { cookie: { maxAge: 60_000 }, rolling: true };
  return [
    { name, routes, script },
    { name: `${name}, maxAge and rolling`, options: timed, routes, script },
    { name: `${name}, all saved`, options: ALL, routes, script },
    { name: `${name}, on a new session`, routes, script: fresh },
  ];
});
