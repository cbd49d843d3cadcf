/** Two requests of one session at the same time: where ours is meant to differ. */
import { count, tell } from "../support/acts.ts";
import type {
  Case,
  Incoming,
  Options,
  Outgoing,
  Route,
  Routes,
  Step,
  World,
} from "../support/types.ts";

/** Wait with the session in hand, do it, answer. */
function held(deed: (req: Incoming, world: World) => void): Route {
  return async (req: Incoming, res: Outgoing, world: World) => {
    await world.hold();
    deed(req, world);
    tell(req, res, world);
  };
}

const FIVE = [1, 2, 3, 4, 5];

const routes: Routes = {
  ...Object.fromEntries(FIVE.map((at) => [`key-${at}`, held(({ session }) => set(session, at))])),
  write: held((req, world) => count(req.session, req, world)),
  look: held(() => undefined),
  touch: held(({ session }) => void session.touch()),
  "save-late": async (req, res, world) => {
    await world.hold();
    req.session["late"] = true;
    req.session.save((error) => {
      world.log(`saved ${error instanceof Error ? error.name : "well"}`);
      res.end();
    });
  },
};

function set(session: Record<string, unknown>, at: number): void {
  session[`key${at}`] = at;
}

const start = (path: string): Step => ({ start: `/${path}`, as: path, until: "held" });

/** All have loaded the session before the first one writes. */
const PARALLEL: readonly Step[] = [
  "/modify",
  ...FIVE.map((at) => start(`key-${at}`)),
  ...FIVE.map((at): Step => ({ finish: `key-${at}` })),
  "/read",
];

/** One request has the session in hand while another logs out. */
function straggler(path: string, logout: string): readonly Step[] {
  return ["/modify", start(path), logout, { finish: path }, "/read"];
}

export interface Race extends Case {
  /** Rows of the store at the end: what upstream leaves and what ours has to leave. */
  readonly upstream: readonly Readonly<Record<string, unknown>>[];
  readonly ours: readonly Readonly<Record<string, unknown>>[];
}

const ALL_KEYS = Object.fromEntries(FIVE.map((at) => [`key${at}`, at]));

function undone(path: string, options: Options, upstream: Race["upstream"]): Race[] {
  return ["/destroy", "/regenerate"].map((logout) => ({
    name: `${logout.slice(1)} while a request is in flight that does ${path}, ${named(options)}`,
    options,
    routes,
    stores: ["memory"],
    script: straggler(path, logout),
    upstream,
    ours: [],
  }));
}

function named(options: Options): string {
  const names = Object.keys(options);
  return names.length === 0 ? "all off" : names.join(" + ");
}

/** The session ends by the store's hand, or by its time, while a request has it in hand. */
function outlived(): Race[] {
  const clear: Step = {
    act: "all sessions are cleared",
    does: ({ store }: World) => new Promise((resolve) => store?.clear?.(() => resolve())),
  };
  const common = { routes, stores: ["memory"], ours: [] } as const;
  return [
    {
      ...common,
      name: "all sessions cleared while a request is in flight that does write",
      script: ["/modify", start("write"), clear, { finish: "write" }, "/read"],
      upstream: [{ n: 2 }],
    },
    {
      ...common,
      name: "a session whose maxAge ends while a request is in flight that does write",
      options: { cookie: { maxAge: 5_000 } },
      script: ["/modify", start("write"), { advance: 6_000 }, { finish: "write" }, "/read"],
      upstream: [{ n: 2 }],
    },
  ];
}

export const races: readonly Race[] = [
  {
    name: "five requests that each set another key",
    routes,
    stores: ["memory"],
    script: PARALLEL,
    upstream: [{ n: 1, key5: 5 }],
    ours: [{ n: 1, ...ALL_KEYS }],
  },
  ...outlived(),
  ...undone("write", {}, [{ n: 2 }]),
  ...undone("save-late", {}, [{ n: 1, late: true }]),
  ...undone("look", { resave: true }, [{ n: 1 }]),
  ...undone("touch", { resave: true, rolling: true }, [{ n: 1 }]),
];
