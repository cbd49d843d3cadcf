/** Every page of the demo. They all work without scripts; `public/` makes them live. */
import { html } from "./html.mjs";
import { TEXT_MAX } from "./board.mjs";
import { shownSamples } from "./people.mjs";
import { relative } from "./public/relative.js";
import { endWords } from "./public/words.js";

/** What a browser needs to count down by the server's clock. */
export function deadlines({ idleExpiresAt, absoluteExpiresAt, warnAt }) {
  return { serverNow: Date.now(), idleExpiresAt, absoluteExpiresAt, warnAt };
}

const NAVIGATION = [
  ["/", "Notes"],
  ["/devices", "Your devices"],
  ["/password", "Password"],
];

/** @returns {string} a whole page; with `session` the one of a person who is signed in. */
function page({ title, session, path, body }) {
  const head = html`<meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${title} · Corkboard</title>
    <link rel="icon" href="/mark.svg" />
    <link rel="stylesheet" href="/style.css" />
    <link rel="stylesheet" href="/pages.css" />`;
  if (session === undefined) {
    return html`<!doctype html>
      <html lang="en">
        <head>
          ${head}
        </head>
        <body class="alone">
          <main>${body}</main>
        </body>
      </html>`.toString();
  }
  return html`<!doctype html>
    <html lang="en">
      <head>
        ${head}
        <script type="module" src="/app.js"></script>
      </head>
      <body data-session="${session.id}" data-deadlines="${JSON.stringify(deadlines(session))}">
        <a class="skip" href="#main">Skip to content</a>
        ${header(session, path)}
        <p class="banner" id="banner" role="status" hidden></p>
        <main id="main">${body}</main>
        <footer>
          <p>Without activity you are signed out in <b id="left">a while</b>.</p>
          <p>Notes are shared and live in the memory of this demo. Pins and drafts are yours.</p>
        </footer>
        ${warning()} ${signedOut()}
      </body>
    </html>`.toString();
}

function header(session, path) {
  return html`<header class="top">
    <a class="brand" href="/"><img src="/mark.svg" alt="" width="24" height="24" />Corkboard</a>
    <nav aria-label="Main">
      ${NAVIGATION.map(
        ([href, name]) =>
          html`<a href="${href}" ${href === path && html`aria-current="page"`}>${name}</a>`,
      )}
    </nav>
    <form method="post" action="/logout" class="who">
      <span>${session.subject}</span>
      <button class="quiet">Sign out</button>
    </form>
  </header>`;
}

/** Shown by `public/session.js` when a deadline is near. */
function warning() {
  return html`<dialog id="warning" aria-labelledby="warning-title" aria-describedby="warning-text">
    <h2 id="warning-title">Still there?</h2>
    <p class="clock" aria-hidden="true"></p>
    <p id="warning-text"></p>
    <p class="hidden-text" role="status" id="warning-said"></p>
    <form method="post" action="/logout" class="row wide">
      <button type="button" class="primary" id="stay" autofocus>Stay signed in</button>
      <button class="quiet">Sign out now</button>
    </form>
  </dialog>`;
}

/** Takes the place of the page when the session ends elsewhere: nothing of it stays readable. */
function signedOut() {
  return html`<template id="signed-out">
    <main class="card notice">
      <h1 tabindex="-1">You were signed out</h1>
      <p data-words></p>
      <p><a class="button primary" href="/">Sign in</a></p>
    </main>
  </template>`;
}

export function signIn({ ended, name = "", wrong = false } = {}) {
  const samples = shownSamples();
  const body = html`<section class="card">
    <h1><img src="/mark.svg" alt="" width="32" height="32" /> Corkboard</h1>
    <p class="lead">Shared notes, to show what sessions can do.</p>
    ${ended && html`<p class="message" role="status">You were signed out. ${endWords(ended)}</p>`}
    ${wrong && html`<p class="message bad" role="alert">That name and password do not match.</p>`}
    <form method="post" action="/login" class="stack">
      <label>
        <span>Name</span>
        <input
          name="name"
          value="${name}"
          autocomplete="username"
          autocapitalize="none"
          required
          ${!wrong && html`autofocus`}
        />
      </label>
      ${passwordField("Password", wrong)}
      <label class="check">
        <input type="checkbox" name="remember" />
        <span>Remember this browser</span>
      </label>
      <label class="check">
        <input type="checkbox" name="impatient" />
        <span>Show me the warning: sign out after 30 seconds without activity</span>
      </label>
      <button class="primary">Sign in</button>
    </form>
    <h2>People to try</h2>
    ${samples.length === 0 && html`<p>Both passwords were changed. A restart brings them back.</p>`}
    <table>
      ${samples.map(
        (sample) =>
          html`<tr>
            <th scope="row">${sample.name}</th>
            <td><code>${sample.password}</code></td>
          </tr>`,
      )}
    </table>
  </section>`;
  return page({ title: "Sign in", body });
}

export function notes(session, list) {
  const pins = session.data.pins ?? [];
  const body = html`<h1>Notes</h1>
    <form method="post" action="/notes" class="stack" id="write" data-quiet>
      <label for="text">New note, for everybody</label>
      <textarea
        id="text"
        name="text"
        rows="2"
        maxlength="${TEXT_MAX}"
        required
        aria-describedby="draft-state"
      >
${session.data.draft}</textarea>
      <div class="row">
        <button class="primary">Add note</button>
        <span id="draft-state" class="aside" role="status">Drafts are kept as you type.</span>
      </div>
    </form>
    <ul class="notes" id="notes">
      ${list.map((note) => noteItem(note, session.subject, pins))}
    </ul>
    ${list.length === 0 && html`<p class="aside">Nothing here yet.</p>`}`;
  return page({ title: "Notes", session, path: "/", body });
}

/** One note as `reader` sees it; also sent by the live stream, so that there is one markup. */
export function noteItem(note, reader, pins = []) {
  const pinned = pins.includes(note.id);
  return html`<li id="${note.id}" class="${pinned ? "note pinned" : "note"}">
    <p>${note.text}</p>
    <div class="row">
      <span class="aside"><b>${note.author}</b> · ${when(note.at)}</span>
      ${
        note.author === reader &&
        html`<form method="post" action="/notes/${note.id}/remove" data-quiet>
          <button class="quiet small" aria-label="Remove this note">Remove</button>
        </form>`
      }
      <form method="post" action="/notes/${note.id}/pin" data-quiet data-pin>
        <input type="hidden" name="pinned" value="${pinned ? "no" : "yes"}" />
        <button class="pin small" aria-pressed="${pinned ? "true" : "false"}">Pin</button>
      </form>
    </div>
  </li>`;
}

export function devices(session, list) {
  const others = list.filter(({ handle }) => handle !== session.id);
  const sorted = list.toSorted((a, b) => (b.handle === session.id) - (a.handle === session.id));
  const body = html`<h1>Your devices</h1>
    <p class="lead">
      Where you are signed in now. End what you do not recognize, and then change your password.
    </p>
    <ul class="devices">
      ${sorted.map((item) => deviceItem(item, item.handle === session.id))}
    </ul>
    ${
      others.length > 0 &&
      html`<details class="sure">
        <summary>Sign out everywhere else…</summary>
        <form method="post" action="/devices/end-others" class="row">
          <span
            >${others.length === 1 ? "One session" : `${others.length} sessions`} will end at once.
            This one stays.</span
          >
          <button class="danger">Sign out everywhere else</button>
        </form>
      </details>`
    }`;
  return page({ title: "Your devices", session, path: "/devices", body });
}

function deviceItem({ handle, device, createdAt, seenAt, remember, client }, current) {
  const label = device?.label ?? "Unknown device";
  return html`<li class="device" id="${handle}">
    <div>
      <h2>${label} ${current && html`<span class="tag">this device</span>`}</h2>
      <p class="aside">
        Signed in ${when(createdAt)} · last seen ${when(seenAt)} ${remember && " · remembered"}
        ${client === "impatient" && " · 30-second trial"}
      </p>
    </div>
    ${
      !current &&
      html`<details class="sure">
        <summary aria-label="End ${label}">End…</summary>
        <form method="post" action="/devices/${handle}/end" class="row">
          <span>Sign out ${label}?</span><button class="danger">End session</button>
        </form>
      </details>`
    }
  </li>`;
}

export function confirm(session, { wrong = false } = {}) {
  const locked = session.state === "locked";
  const name = session.subject ?? session.claimant;
  const why = locked
    ? "This session was used in two places at once. If that was not you, sign out instead."
    : "Changing the password needs yours, given just now.";
  const body = html`<section class="card">
    <h1>Is it you, ${name}?</h1>
    <p class="lead">${why}</p>
    ${wrong && html`<p class="message bad" role="alert">That is not the password.</p>`}
    <form method="post" action="/confirm" class="stack">
      <input name="username" value="${name}" autocomplete="username" hidden />
      ${passwordField("Password", true)}
      <button class="primary">Continue</button>
    </form>
    ${locked && html`<form method="post" action="/logout"><button>Sign out</button></form>`}
  </section>`;
  return page({ title: "Confirm", path: "/password", body, ...(locked ? {} : { session }) });
}

export function password(session, { tooShort, changed = false } = {}) {
  const body = html`<section class="card">
    <h1>Password</h1>
    ${
      changed &&
      html`<p class="message good" role="status">Changed. Every other device is signed out.</p>`
    }
    ${
      tooShort &&
      html`<p class="message bad" role="alert">At least ${tooShort} characters, please.</p>`
    }
    <form method="post" action="/password" class="stack">
      <input name="username" value="${session.subject}" autocomplete="username" hidden />
      ${passwordField("New password", false, "new-password")}
      <button class="primary">Change it</button>
    </form>
    <p class="aside">
      This signs you out on every other device, and gives this session a new secret.
    </p>
  </section>`;
  return page({ title: "Password", session, path: "/password", body });
}

function passwordField(label, autofocus, autocomplete = "current-password") {
  return html`<label>
    <span>${label}</span>
    <input
      type="password"
      name="password"
      autocomplete="${autocomplete}"
      required
      ${autocomplete === "new-password" && html`minlength="8"`}
      ${autofocus && html`autofocus`}
    />
  </label>`;
}

const PROBLEMS = {
  403: ["That did not come from here", "The request was refused. Nothing was changed."],
  404: ["Nothing here", "The address leads nowhere."],
  413: ["Too much", "That is more than fits. Nothing was changed."],
  503: ["A moment, please", "We have trouble reaching our storage. You are still signed in."],
};

export function problem(status) {
  const [title, words] = PROBLEMS[status] ?? ["That did not work", "Nothing was changed."];
  const body = html`<section class="card notice">
    <h1>${title}</h1>
    <p>${words}</p>
    <p><a class="button" href="/">Back to the notes</a></p>
  </section>`;
  return page({ title, body });
}

function when(at) {
  const exact = new Date(at);
  const title = exact.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  return html`<time datetime="${exact.toISOString()}" title="${title}">${relative(at)}</time>`;
}
