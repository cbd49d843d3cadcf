/** The one page of this application, as text. */
import type { SessionSummary } from "sojourn";

export interface Signed {
  readonly name: string;
  readonly notes: readonly string[];
  readonly places: readonly (SessionSummary & { readonly here: boolean })[];
}

const MARKS: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", '"': "&quot;" };

function safe(text: string): string {
  return text.replace(/[&<"]/g, (mark) => MARKS[mark] ?? "");
}

function layout(content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Notes</title>
<link rel="stylesheet" href="/style.css">
</head>
<body><main>${content}</main></body>
</html>`;
}

export function signInPage(): string {
  return layout(`
<header><h1>Notes</h1></header>
<section>
  <h2>Sign in</h2>
  <form method="post" action="/login">
    <label>Name <input name="name" required maxlength="64" autocomplete="username"></label>
    <button class="main">Sign in</button>
  </form>
  <p class="quiet">Any name will do: this example checks no password.</p>
</section>`);
}

export function notesPage({ name, notes, places }: Signed): string {
  const items = notes.map((note) => `<li class="note">${safe(note)}</li>`);
  const since = places.map(({ createdAt, here }) => {
    const time = new Date(createdAt).toISOString().slice(0, 16).replace("T", " ");
    return `<li class="place">since ${time} UTC${here ? ", this browser" : ""}</li>`;
  });
  return layout(`
<header>
  <h1>Notes of <span id="user">${safe(name)}</span></h1>
  <form method="post" action="/logout"><button>Sign out</button></form>
</header>
<section>
  <h2>Your notes</h2>
  <ul>${items.join("")}</ul>
  <form method="post" action="/notes">
    <label>New note <input name="note" required maxlength="200"></label>
    <button class="main">Add</button>
  </form>
</section>
<section>
  <h2>Where you are signed in</h2>
  <ul>${since.join("")}</ul>
  <form method="post" action="/elsewhere"><button>Sign out elsewhere</button></form>
</section>`);
}
