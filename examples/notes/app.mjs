/** The notes demo on Express 5. Everything about sessions is in plain sight here. */
import { fileURLToPath } from "node:url";
import express from "express";
import { handleOf, problemOfError } from "sojourn";
import { sessions as sessionMiddleware } from "sojourn/express";
import { board } from "./board.mjs";
import { deviceLabel } from "./device-label.mjs";
import { createLive } from "./live.mjs";
import * as pages from "./pages.mjs";
import { changePassword, checkPassword } from "./people.mjs";

const PASSWORD_MIN = 8;
const PASSWORD_MAX = 128;

/** @param {import("sojourn").Sessions<{ pins: string[], draft: string }>} sessions */
export function createApp(sessions) {
  const app = express();
  const live = createLive(sessions);

  app.disable("x-powered-by");
  app.use(securityHeaders);
  app.use(express.static(fileURLToPath(new URL("public", import.meta.url))));

  // Listening and asking are no activity: they must not keep a session alive.
  const quietly = sessionMiddleware(sessions, { activity: () => false });
  app.get("/live", quietly, live.stream);
  app.get("/session", quietly, requirePerson, (req, res) => {
    res.json(pages.deadlines(req.session));
  });

  app.use(sessionMiddleware(sessions));
  app.use(express.urlencoded({ extended: false, limit: "8kb" }));

  signingIn(app, sessions);
  app.use(requirePerson);
  notes(app);
  devices(app, sessions);
  password(app, sessions);
  app.use((req, res) => res.status(404).send(pages.problem(404)));
  app.use(onError);
  return { app, closeStreams: live.closeStreams };
}

function signingIn(app, sessions) {
  app.get("/", (req, res, next) => {
    const { subject, claimant, endedReason } = req.session;
    if (subject !== null || claimant !== null) return next();
    res.send(pages.signIn({ ended: endedReason }));
  });

  app.post("/login", async (req, res) => {
    const name = text(req.body?.name, 64).trim().toLowerCase();
    // Read before the password is checked: a "sign out everywhere" in between then wins.
    const subjectEpoch = await sessions.subject(name || "nobody").epoch();
    if (!(await checkPassword(name, text(req.body?.password, PASSWORD_MAX)))) {
      return res.status(401).send(pages.signIn({ name, wrong: true }));
    }
    await req.session.login(name, {
      amr: ["pwd"],
      subjectEpoch,
      remember: req.body.remember === "on",
      device: { label: deviceLabel(req.get("user-agent")) },
      ...(req.body.impatient === "on" ? { client: "impatient" } : {}),
    });
    res.redirect(303, "/");
  });

  app.post("/logout", async (req, res) => {
    await req.session.logout();
    done(req, res, "/");
  });

  // A session is locked when two holders used it: only the password opens it again.
  app.get("/confirm", (req, res) => {
    if (req.session.claimant === null) return res.redirect(303, "/");
    res.send(pages.confirm(req.session));
  });

  app.post("/confirm", async (req, res) => {
    const { session } = req;
    const name = session.subject ?? session.claimant;
    if (name === null) return res.redirect(303, "/");
    if (!(await checkPassword(name, text(req.body?.password, PASSWORD_MAX)))) {
      return res.status(401).send(pages.confirm(session, { wrong: true }));
    }
    const locked = session.state === "locked";
    // Both give the session a new secret; the old one stops working.
    await (locked ? session.unlock({ amr: ["pwd"] }) : session.stepUp({ amr: ["pwd"] }));
    res.redirect(303, locked ? "/" : "/password");
  });
}

function notes(app) {
  app.get("/", (req, res) => res.send(pages.notes(req.session, board.list())));

  app.post("/notes", async (req, res) => {
    const note = text(req.body?.text, 1_000).trim();
    if (note !== "") {
      // First what may fail: a session that was ended meanwhile throws here, and adds no note.
      await req.session.set("draft", undefined);
      board.add(req.session.subject, note);
    }
    done(req, res, "/");
  });

  app.post("/notes/:id/remove", (req, res) => {
    board.remove(req.session.subject, req.params.id);
    done(req, res, "/");
  });

  // `update` is atomic: five clicks at once are five pins. What is gone from the board goes along.
  app.post("/notes/:id/pin", async (req, res) => {
    const { id } = req.params;
    const pinned = req.body?.pinned === "yes";
    await req.session.update((data) => {
      const others = (data.pins ?? []).filter((pin) => pin !== id && board.has(pin));
      data.pins = pinned && board.has(id) ? [...others, id] : others;
    });
    done(req, res, "/");
  });

  app.post("/draft", async (req, res) => {
    await req.session.set("draft", text(req.body?.text, 1_000) || undefined);
    done(req, res, "/");
  });

  app.post("/session/extend", async (req, res) => {
    await req.session.extend();
    res.json(pages.deadlines(req.session));
  });
}

function devices(app, sessions) {
  app.get("/devices", async (req, res) => {
    const { items } = await sessions.subject(req.session.subject).list();
    const list = items.map((item) => ({ ...item, handle: handleOf(item.id) }));
    res.send(pages.devices(req.session, list));
  });

  app.post("/devices/:handle/end", async (req, res) => {
    // `subject(me).revoke` ends nobody else's session, whatever the address says.
    const mine = sessions.subject(req.session.subject);
    await mine.revoke(req.params.handle, { cause: "other_device", actor: req.session.subject });
    res.redirect(303, "/devices");
  });

  app.post("/devices/end-others", async (req, res) => {
    const { id, subject } = req.session;
    await sessions
      .subject(subject)
      .revokeAll({ except: id, cause: "other_device", actor: subject });
    res.redirect(303, "/devices");
  });
}

function password(app, sessions) {
  // "Sudo": a password given in the last minutes (policy `sudoMs`), not just some time ago.
  const needsPassword = (session) => session.unmet({ elevated: true }) !== undefined;

  app.get("/password", (req, res) => {
    const { session } = req;
    res.send(needsPassword(session) ? pages.confirm(session) : pages.password(session));
  });

  app.post("/password", async (req, res) => {
    const { session } = req;
    const { subject } = session;
    if (needsPassword(session)) return res.redirect(303, "/password");
    const wanted = text(req.body?.password, PASSWORD_MAX);
    if (wanted.length < PASSWORD_MIN) {
      return res.status(422).send(pages.password(session, { tooShort: PASSWORD_MIN }));
    }
    await changePassword(subject, wanted);
    await sessions.subject(subject).revokeAll({
      except: session.id,
      cause: "credential_change",
      actor: subject,
    });
    await session.rotate();
    res.send(pages.password(session, { changed: true }));
  });
}

/** Ended, unknown and locked sessions go no further. Only here is a person asked to sign in. */
function requirePerson(req, res, next) {
  const { subject, claimant, endedReason } = req.session;
  if (subject !== null) return next();
  if (wantsJson(req)) {
    return res.status(claimant === null ? 401 : 423).json({ reason: endedReason });
  }
  if (claimant !== null) return res.redirect(303, "/confirm");
  res.status(401).send(pages.signIn({ ended: endedReason }));
}

/** Scripts get a bare yes; a page without scripts goes on to where its form leads. */
function done(req, res, path) {
  if (wantsJson(req)) res.status(204).end();
  else res.redirect(303, path);
}

function wantsJson(req) {
  return req.accepts(["html", "json"]) === "json";
}

/** @returns {string} what a form field holds, whatever was sent, cut to `max` characters. */
function text(value, max) {
  return typeof value === "string" ? value.slice(0, max) : "";
}

function securityHeaders(req, res, next) {
  res.set({
    "content-security-policy":
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
      "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
  });
  next();
}

/** `problemOfError` knows what an error of the library means: 401 for ended, 503 for trouble. */
function onError(error, req, res, next) {
  if (res.headersSent) return next(error);
  const { status, headers, body } = problemOfError(error);
  const own = error.expose === true ? error.status : undefined; // body too large, bad address
  if (own === undefined && status >= 500) console.error(error);
  res.status(own ?? status);
  if (own !== undefined) return void res.send(pages.problem(own));
  if (wantsJson(req)) return void res.set(headers).send(body);
  res.send(status === 401 ? pages.signIn({ ended: error.reason }) : pages.problem(status));
}
