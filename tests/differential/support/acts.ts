/** The routes every case has: one thing done to a session, then what the handler sees. */
import { errorText, sight } from "./text.ts";
import type { Incoming, LooseSession, Method, Outgoing, Route, Routes, World } from "./types.ts";

/** End with what the handler sees. */
export function tell(req: Incoming, res: Outgoing, world: World): void {
  res.end(sight(world.impl, req));
}

type Deed = (session: LooseSession, req: Incoming, world: World) => void;

/** Do it, then tell. */
export function doing(deed: Deed): Route {
  return (req, res, world) => {
    deed(req.session, req, world);
    tell(req, res, world);
  };
}

/** Call a method that takes a callback, then `after`, then tell. */
export function calling(
  name: "save" | "reload" | "destroy" | "regenerate",
  after: Deed = () => undefined,
): Route {
  return (req, res, world) => {
    const before = req.session;
    (before[name] as Method).call(before, (...given: unknown[]) => {
      const [error] = given;
      const failed = error !== undefined && error !== null;
      world.log(`${name} calls back ${failed ? errorText(error) : `with ${given.length}`}`);
      if (!failed) after(req.session, req, world);
      tell(req, res, world);
    });
  };
}

export const count: Deed = (session) => {
  session["n"] = ((session["n"] as number | undefined) ?? 0) + 1;
};

function assigned(value: unknown): Route {
  return (req, res, world) => {
    req.session = value as LooseSession;
    tell(req, res, world);
  };
}

export const acts: Routes = {
  none: (_req, res) => void res.end("none"),
  read: tell,
  modify: doing(count),
  same: doing((session) => void Object.assign(session, { n: session["n"] })),
  revert: doing((session) => {
    count(session, {} as Incoming, {} as World);
    session["n"] = (session["n"] as number) - 1;
  }),
  deep: doing((session) => {
    const list = (session["list"] as unknown[] | undefined) ?? [];
    list.push({ at: list.length });
    session["list"] = list;
  }),
  drop: doing((session) => void delete session["n"]),
  touch: doing((session) => void session.touch()),
  "max-age": doing((session) => void (session.cookie.maxAge = 90_000)),
  "no-age": doing((session) => void (session.cookie.maxAge = null)),
  save: calling("save"),
  "modify-save": (req, res, world) => {
    count(req.session, req, world);
    return calling("save")(req, res, world);
  },
  "save-modify": calling("save", count),
  reload: calling("reload"),
  "modify-reload": (req, res, world) => {
    count(req.session, req, world);
    return calling("reload")(req, res, world);
  },
  "reload-modify": calling("reload", count),
  destroy: calling("destroy"),
  regenerate: calling("regenerate"),
  "regenerate-modify": calling("regenerate", count),
  null: assigned(null),
  undefined: assigned(undefined),
  delete: (req, res, world) => {
    delete (req as Partial<Incoming>).session;
    tell(req, res, world);
  },
};
