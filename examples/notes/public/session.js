/**
 * The session in an open page: counts down by the server's clock, warns, extends, and clears the
 * page when the session ends anywhere. Trouble and being offline are told, and end nothing.
 */
import { countdown } from "./relative.js";
import { endWords } from "./words.js";

const { session, deadlines } = document.body.dataset;
const banner = document.querySelector("#banner");
const warning = document.querySelector("#warning");
const clock = warning.querySelector(".clock");
const said = document.querySelector("#warning-said");
const left = document.querySelector("#left");

/** Announced by screen readers when so many seconds are left, not every second. */
const ANNOUNCED_S = [60, 30, 10];
const TICK_MS = 250;
const RETRY_MS = 2_000;
const OFFLINE = "No connection. You are still signed in; we keep trying.";

let ended = false;
let lost = false; // told by an event: on a machine without any network loopback serves on
let now; // the server's clock
let times;
let dismissedFor; // the deadline whose warning was closed with Escape
const listeners = [];

export function listen(listener) {
  listeners.push(listener);
}

/** POST in the background. @returns {Promise<Response | undefined>} when it was done. */
export async function post(path, fields = {}) {
  const body = new URLSearchParams(fields instanceof FormData ? [...fields] : fields);
  return judged(await ask(path, { method: "POST", body }));
}

/** Asking is no activity: the server answers `/session` without restarting the idle clock. */
async function look() {
  const signal = AbortSignal.timeout(RETRY_MS);
  const response = await judged(await ask("/session", { signal }));
  if (response) take(await response.json());
}

async function ask(path, options) {
  const headers = { accept: "application/json" };
  return fetch(path, { ...options, headers }).catch(() => undefined);
}

/** Only a clear "no" ends anything. No answer and trouble (503) leave the person where they are. */
async function judged(response) {
  if (response?.status === 401) {
    const { reason } = await response.json();
    end(reason);
  } else if (response?.status === 423) {
    location.assign("/confirm");
  }
  if (response?.status >= 500) {
    tell("We have some trouble. You are still signed in; please try again.");
  } else tell(response === undefined && OFFLINE);
  return response?.ok ? response : undefined;
}

/** What was under way when the connection was lost may still arrive: it is lost all the same. */
function tell(words) {
  const told = words || (lost && OFFLINE);
  banner.hidden = !told;
  banner.textContent = told || "";
}

function take(fresh) {
  const offset = fresh.serverNow - Date.now();
  now = () => Date.now() + offset;
  times = fresh;
  // Extended here, in another tab or on another machine: the warning closes by itself.
  if (now() < times.warnAt && warning.open) warning.close();
  tick();
}

/** The earlier end, and whether the person can put it off. */
function nextEnd() {
  const { idleExpiresAt: idle, absoluteExpiresAt: absolute } = times;
  return { at: Math.min(idle, absolute), extensible: idle < absolute };
}

function tick() {
  if (ended) return;
  const { at } = nextEnd();
  const ms = at - now();
  left.textContent = countdown(ms);
  if (ms <= 0 || warningDue()) void lookThenWarn();
  if (!warning.open) return;
  clock.textContent = countdown(ms);
  const seconds = Math.ceil(ms / 1_000);
  if (ANNOUNCED_S.includes(seconds)) said.textContent = `${seconds} seconds left.`;
}

/** A deadline is near or past by our count. The server has the last word; without it, we warn. */
let looking = false;
async function lookThenWarn() {
  if (looking) return;
  looking = true;
  await look();
  setTimeout(() => (looking = false), RETRY_MS);
  if (!ended && warningDue()) warn();
}

function warningDue() {
  return now() >= times.warnAt && !warning.open && dismissedFor !== nextEnd().at;
}

function warn() {
  const { extensible } = nextEnd();
  document.querySelector("#warning-text").textContent = extensible
    ? "You will be signed out for want of activity."
    : "This session ends soon, and you will have to sign in again. Save what you are doing.";
  document.querySelector("#stay").textContent = extensible ? "Stay signed in" : "All right";
  said.textContent = "";
  warning.showModal();
  tick();
}

document.querySelector("#stay").addEventListener("click", () => void stay());

async function stay() {
  const { at, extensible } = nextEnd();
  if (!extensible) {
    dismissedFor = at;
    return warning.close();
  }
  const response = await post("/session/extend");
  if (response) take(await response.json());
}

warning.addEventListener("cancel", () => (dismissedFor = nextEnd().at));

function end(reason, cause) {
  if (ended) return;
  ended = true;
  const page = document.querySelector("#signed-out").content.cloneNode(true);
  page.querySelector("[data-words]").textContent = endWords(reason, cause);
  document.title = "Signed out · Corkboard";
  document.body.className = "alone";
  document.body.replaceChildren(page);
  document.querySelector("h1").focus();
}

function hear(message) {
  if (ended) return;
  if (message.type === "ended") end(message.reason, message.cause);
  else if (message.type === "hello" || message.type === "extended") take(message);
  else if (message.type === "locked") location.assign("/confirm");
  for (const listener of listeners) listener(message);
}

/** Browsers allow six connections per server, so one tab listens and tells the others. */
const tabs = new BroadcastChannel(`live ${session}`);
tabs.addEventListener("message", ({ data }) => hear(data));
void navigator.locks.request(`live ${session}`, () => new Promise(connect));

function connect() {
  if (ended) return;
  const source = new EventSource("/live");
  source.addEventListener("open", () => tell(""));
  source.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
    tabs.postMessage(message);
    hear(message);
    if (ended) source.close();
  });
  source.addEventListener("error", () => {
    if (ended) return;
    void look(); // an error event does not say what was answered
    // The browser reconnects by itself, unless it got an answer that is no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
  });
}

addEventListener("online", () => {
  lost = false;
  void look();
});
addEventListener("offline", () => {
  lost = true;
  tell();
});
addEventListener("pageshow", (event) => event.persisted && location.reload());

take(JSON.parse(deadlines));
setInterval(tick, TICK_MS);
