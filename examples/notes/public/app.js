/** Makes the pages live: forms without reloads, drafts, fresh times. The session is next door. */
import { relative } from "./relative.js";
import { listen, post } from "./session.js";

const notes = document.querySelector("#notes");
const DRAFT_AFTER_MS = 400;
const TIMES_EVERY_MS = 30_000;

/** Forms marked `data-quiet` are sent without leaving the page; without scripts they just post. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-quiet]")) return;
  event.preventDefault();
  void send(form);
});

async function send(form) {
  const fields = new FormData(form);
  if ("pin" in form.dataset) showPinned(form.closest(".note"), fields.get("pinned") === "yes");
  const sent = await post(form.getAttribute("action"), fields);
  if (sent && form.id === "write") {
    form.reset();
    form.elements.text.value = "";
  }
}

function showPinned(note, pinned) {
  note.classList.toggle("pinned", pinned);
  const form = note.querySelector("[data-pin]");
  form.elements.pinned.value = pinned ? "no" : "yes";
  form.querySelector("button").ariaPressed = String(pinned);
}

if (notes) {
  listen((message) => {
    if (message.type === "notes") notes.innerHTML = message.html.join("");
    if (message.type === "note") notes.insertAdjacentHTML("afterbegin", message.html);
    if (message.type === "removed") document.getElementById(message.id)?.remove();
    if (message.type === "pins") {
      for (const note of notes.children) showPinned(note, message.pins.includes(note.id));
    }
  });

  let waiting;
  const draft = document.querySelector("#write textarea");
  const state = document.querySelector("#draft-state");
  draft.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => void keepDraft(), DRAFT_AFTER_MS);
  });
  const keepDraft = async () => {
    const saved = await post("/draft", { text: draft.value });
    state.textContent = saved ? "Draft saved." : "Draft not saved.";
  };
  draft.form.addEventListener("submit", () => clearTimeout(waiting));
}

setInterval(() => {
  for (const time of document.querySelectorAll("time")) {
    time.textContent = relative(Date.parse(time.dateTime));
  }
}, TIMES_EVERY_MS);
