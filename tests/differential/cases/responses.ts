/** How handlers answer: the middleware stands between them and the socket. */
import { vi } from "vitest";
import { show } from "../support/text.ts";
import type {
  Ask,
  Case,
  Fault,
  Incoming,
  Outgoing,
  Route,
  Routes,
  World,
} from "../support/types.ts";

const BODY = "abcdefghij";

function touchSession(req: Incoming): void {
  req.session["n"] = ((req.session["n"] as number | undefined) ?? 0) + 1;
}

type Ending = (res: Outgoing, world: World, req: Incoming) => unknown;

/** Write down what a call returned. */
function returned(world: World, what: string, value: unknown): void {
  world.log(`${what} returns ${typeof value === "object" ? "an object" : show(value)}`);
}

const ENDINGS: Readonly<Record<string, Ending>> = {
  "end with nothing": (res, world) => returned(world, "end", res.end()),
  "end with text": (res, world) => returned(world, "end", res.end(BODY)),
  "end with empty text": (res, world) => returned(world, "end", res.end("")),
  "end with null": (res, world) => returned(world, "end", res.end(null)),
  "end with a buffer": (res, world) => returned(world, "end", res.end(Buffer.from(BODY))),
  "end with bytes": (res) => res.end(new Uint8Array([97, 98, 99])),
  "end with an encoding": (res) => res.end("616263", "hex"),
  "end with text beyond ASCII": (res) => res.end("é€😀"),
  "end with latin1": (res) => res.end("é", "latin1"),
  "end twice": (res, world) => {
    returned(world, "first end", res.end("first"));
    returned(world, "second end", res.end("second"));
  },
  "write, then end": (res, world) => {
    returned(world, "write", res.write("abc"));
    returned(world, "end", res.end("def"));
  },
  "write, then end with nothing": (res) => {
    res.write("abc");
    res.end();
  },
  "write in later turns": async (res) => {
    res.write("one");
    await new Promise((resolve) => void setImmediate(resolve));
    res.write("two");
    await new Promise((resolve) => void setImmediate(resolve));
    res.end("three");
  },
  "write, and time passes before the end": (res) => {
    res.write("abc");
    vi.setSystemTime(Date.now() + 2_000);
    res.end("def");
  },
  "writeHead, and time passes before the end": (res) => {
    res.writeHead(200);
    vi.setSystemTime(Date.now() + 2_000);
    res.end(BODY);
  },
  "write a buffer, then end with one": (res) => {
    res.write(Buffer.from("abc"));
    res.end(Buffer.from("def"));
  },
  "writeHead, then end": (res) => {
    res.writeHead(201, { "Content-Type": "text/plain", "X-Mine": "1" });
    res.end(BODY);
  },
  "writeHead with a list of names and values": (res) => {
    res.writeHead(200, ["Content-Type", "text/plain", "X-Mine", "1", "X-Mine", "2"]);
    res.end(BODY);
  },
  "writeHead with pairs": (res) => {
    res.writeHead(200, [["X-Mine", "1"]] as unknown as string[]);
    res.end(BODY);
  },
  "writeHead with a message": (res) => {
    res.writeHead(200, "Fine", { "X-Mine": "1" });
    res.end(BODY);
  },
  "writeHead with a cookie of the application's": (res) => {
    res.writeHead(200, { "Set-Cookie": "mine=1" });
    res.end(BODY);
  },
  "writeHead with cookies in a list": (res) => {
    res.writeHead(200, { "Set-Cookie": ["mine=1", "yours=2"] });
    res.end(BODY);
  },
  "a cookie of the application's before": (res) => {
    res.setHeader("Set-Cookie", "mine=1");
    res.end(BODY);
  },
  "cookies of the application's before": (res) => {
    res.setHeader("Set-Cookie", ["mine=1", "yours=2"]);
    res.end(BODY);
  },
  "a cookie of the same name before": (res) => {
    res.setHeader("Set-Cookie", "connect.sid=mine");
    res.end(BODY);
  },
  "a content length": (res) => {
    res.setHeader("Content-Length", "10");
    res.end(BODY);
  },
  "a content length as a number, and a buffer": (res) => {
    res.setHeader("Content-Length", 10);
    res.end(Buffer.from(BODY));
  },
  "a content length of one": (res) => {
    res.setHeader("Content-Length", "1");
    res.end("a");
  },
  "a content length of none": (res) => {
    res.setHeader("Content-Length", "0");
    res.end("");
  },
  "a content length and text beyond ASCII": (res) => {
    res.setHeader("Content-Length", "9");
    res.end("é€😀");
  },
  "a content length and an encoding": (res) => {
    res.setHeader("Content-Length", "3");
    res.end("616263", "hex");
  },
  "a content length and empty text": (res) => {
    res.setHeader("Content-Length", "3");
    res.write("abc");
    res.end("");
  },
  "a content length, written in parts": (res) => {
    res.setHeader("Content-Length", "10");
    res.write("abcde");
    res.end("fghij");
  },
  "a content length, all written before": (res) => {
    res.setHeader("Content-Length", "10");
    res.write(BODY);
    res.end();
  },
  "a content length in writeHead": (res) => {
    res.writeHead(200, { "Content-Length": "10" });
    res.end(BODY);
  },
  "a content length that is no number": (res) => {
    res.setHeader("Content-Length", "ten");
    res.end();
  },
  "flushHeaders first": (res) => {
    res.flushHeaders();
    res.end(BODY);
  },
  "flushHeaders, then the session changes": (res, _world, req) => {
    res.flushHeaders();
    req.session["late"] = true;
    res.end(BODY);
  },
  "write, then the session changes": (res, _world, req) => {
    res.write("abc");
    req.session["late"] = true;
    res.end();
  },
  "the session changes after the end": (res, _world, req) => {
    res.end(BODY);
    req.session["late"] = true;
  },
  "no content": (res) => {
    res.statusCode = 204;
    res.end();
  },
  "not modified": (res) => {
    res.writeHead(304);
    res.end();
  },
  "a redirect": (res) => {
    res.writeHead(302, { Location: "/read" });
    res.end();
  },
  "an error's status": (res) => {
    res.statusCode = 500;
    res.end("failed");
  },
  "the status changed by the application's writeHead": (res) => {
    res.writeHead(404);
    res.end("not here");
  },
  trailers: (res) => {
    res.setHeader("Trailer", "X-Sum");
    res.write("abc");
    res.addTrailers({ "X-Sum": "1" });
    res.end();
  },
  "an early hint": (res) => {
    res.writeProcessing();
    res.end(BODY);
  },
  cork: (res) => {
    res.cork();
    res.write("abc");
    res.end("def");
    res.uncork();
  },
  "piped from a stream": async (res) => {
    const { Readable } = await import("node:stream");
    Readable.from(["one", "two", "three"]).pipe(res);
  },
  "the application's own end on top": (res, world) => {
    const end = res.end.bind(res) as (text?: string) => Outgoing;
    res.end = ((text?: string) => {
      world.log("own end");
      return end(text);
    }) as unknown as Outgoing["end"];
    res.end(BODY);
  },
  "thrown before": () => {
    throw new Error("thrown by the handler");
  },
  "thrown after a write": (res) => {
    res.write("abc");
    setImmediate(() => void res.end());
    throw new Error("thrown by the handler");
  },
  "thrown after the end": (res) => {
    res.end(BODY);
    throw new Error("thrown by the handler");
  },
  rejected: () => Promise.reject(new Error("rejected by the handler")),
  "headersSent, told": (res, world) => {
    world.log(`headersSent ${res.headersSent} finished ${res.writableEnded}`);
    res.end(BODY);
    world.log(`headersSent ${res.headersSent} finished ${res.writableEnded}`);
  },
  "finish, told": (res, world) => {
    res.on("finish", () => world.log("finish"));
    res.end(BODY);
  },
};

function endingCases(): Case[] {
  return Object.entries(ENDINGS).flatMap(([name, ending]): Case[] => {
    const plain: Route = (req, res, world) => ending(res, world, req);
    const changed: Route = (req, res, world) => {
      touchSession(req);
      return ending(res, world, req);
    };
    const routes = { plain, changed };
    const asks = (version: "1.0" | "1.1", method: string): Ask[] =>
      ["/changed", "/plain", "/changed"].map((ask) => ({ ask, version, method }));
    const timed = { resave: true, rolling: true, cookie: { maxAge: 60_000 } };
    const pause = { advance: 5_000 };
    const later = asks("1.1", "GET").flatMap((ask) => [ask, pause]);
    const script = [...asks("1.1", "GET"), ...asks("1.0", "GET"), ...asks("1.1", "HEAD")];
    return [
      { name, routes, script },
      { name: `${name}, all saved, maxAge`, options: timed, routes, script: later },
      { name: `${name}, maxAge`, options: { cookie: timed.cookie }, routes, script: later },
      {
        name: `${name}, unset`,
        options: { unset: "destroy" },
        routes: unsetRoutes(ending),
        script,
      },
    ];
  });
}

/** The handler takes the session away and then answers. */
function unsetRoutes(ending: Ending): Routes {
  const plain: Route = (req, res, world) => ending(res, world, req);
  const changed: Route = (req, res, world) => {
    const { session } = req;
    (req as { session: unknown }).session = null;
    // What endings write into stays an object, so that they all can run.
    return ending(res, world, { ...req, session } as Incoming);
  };
  return { changed, plain };
}

/** What the client has before the store has answered: headers and body leave, the end waits. */
function heldCases(): Case[] {
  const names = ["end with text", "end with nothing", "end with a buffer", "a content length"];
  const more = ["a content length of one", "write, then end", "no content", "writeHead, then end"];
  const waiting: (() => void)[] = [];
  const slow: Fault = (_args, answer) => void waiting.push(answer);
  const release = {
    act: "the store answers",
    does: (): void => {
      for (const answer of waiting.splice(0)) answer();
    },
  };
  return [...names, ...more].map((name) => ({
    name: `${name}, while the store takes its time`,
    stores: ["neutral"],
    faults: { set: slow },
    routes: {
      changed: (req, res, world) => {
        touchSession(req);
        res.on("finish", () => world.log("finish"));
        return ENDINGS[name]?.(res, world, req);
      },
    },
    script: [
      { start: "/changed", as: "one", until: "set(" },
      { received: "one" },
      release,
      { finish: "one" },
    ],
  }));
}

export const responseCases: readonly Case[] = [...endingCases(), ...heldCases()];
