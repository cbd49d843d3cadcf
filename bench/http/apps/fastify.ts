/** One Fastify application: bare, with ours, with each of the two session plugins people use. */
import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import secureSession from "@fastify/secure-session";
import Fastify from "fastify";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { createSessions } from "sojourn";
import type { Session } from "sojourn";
import { sessions as sessionPlugin } from "sojourn/fastify";

export type Kind = "bare" | "sojourn" | "@fastify/session" | "secure-session";

interface Classic {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
}

const ours = (request: FastifyRequest): Session =>
  (request as unknown as { session: Session }).session;
const theirs = (request: FastifyRequest): Classic =>
  (request as unknown as { session: Classic }).session;

/** `/login` signs in, `/` says who one is; nothing else happens. */
export async function fastifyApp(kind: Kind): Promise<RequestListener> {
  const app = Fastify();
  if (kind === "sojourn") await addOurs(app);
  else if (kind === "bare") {
    app.get("/login", async () => "ok");
    app.get("/", async () => "alice");
  } else await addTheirs(app, kind);
  await app.ready();
  return (req, res) => app.routing(req, res);
}

async function addOurs(app: FastifyInstance): Promise<void> {
  const secrets = [randomBytes(32).toString("base64url")];
  await app.register(sessionPlugin, { sessions: createSessions({ secrets, production: false }) });
  app.get("/login", async (request) => {
    await ours(request).login("alice");
    return "ok";
  });
  app.get("/", async (request) => ours(request).subject);
}

async function addTheirs(app: FastifyInstance, kind: Kind): Promise<void> {
  const cookie = { secure: false, path: "/" };
  if (kind === "secure-session") {
    await app.register(secureSession, { key: randomBytes(32), cookie } as never);
  } else {
    await app.register(fastifyCookie);
    const secret = randomBytes(32).toString("hex");
    await app.register(fastifySession, { secret, saveUninitialized: false, cookie } as never);
  }
  app.get("/login", async (request) => {
    theirs(request).set("user", "alice");
    return "ok";
  });
  app.get("/", async (request) => theirs(request).get("user"));
}
