/** The page at `/`: what this is and how to begin. No script, nothing from elsewhere. */
import { createHash } from "node:crypto";

const STYLE = `
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5b6777; --line: #d9dfe7;
  --ground: #f6f8fa; --card: #fff; --accent: #0f766e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf1; --soft: #9aa7b7; --line: #2b3542;
  --ground: #0f151c; --card: #161e27; --accent: #5eead4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 4rem 1.25rem; }
h1 { font-size: 2.25rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.02em; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
p { margin: 0 0 1rem; } .lead { color: var(--soft); font-size: 1.1rem; margin-bottom: 2rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  padding: 1.25rem 1.5rem; margin: 0 0 1rem; }
section > :last-child { margin-bottom: 0; }
pre { margin: 0 0 1rem; padding: .9rem 1rem; overflow-x: auto; border-radius: .5rem;
  background: var(--ground); border: 1px solid var(--line); font-size: .875rem; line-height: 1.5; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
a { color: var(--accent); text-underline-offset: .2em; }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: .2rem; }
ul { margin: 0 0 1rem; padding-left: 1.2rem; }
`;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** Nothing but this style; no frame, no form, no script. */
export const PAGE_POLICY: Readonly<Record<string, string>> = {
  "content-security-policy":
    `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** @param origin Where this process listens, like `http://127.0.0.1:7380`. */
export function renderPage(origin: string): string {
  const at = escapeHtml(origin);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sojourn</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Sojourn</h1>
<p class="lead">Sessions for your backend, in any language: opened after you authenticate somebody,
verified on every request, extended, listed, and ended at once.</p>
<section>
<h2>1. Make a service key</h2>
<p>On the machine that runs this service, with the same settings:</p>
<pre><code>sojourn keys create --name trial</code></pre>
<p>In a clone of the repository: <code>npm run sojourn -- keys create --name trial</code></p>
</section>
<section>
<h2>2. Open a session, and verify its token</h2>
<pre><code>curl -s ${at}/v1/sessions \\
  -H "Authorization: Bearer $SOJOURN_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"subject":"alice","amr":["pwd"]}'</code></pre>
<pre><code>curl -s ${at}/v1/sessions/verify \\
  -H "Authorization: Bearer $SOJOURN_KEY" \\
  -H "Content-Type: application/json" \\
  -d "{\\"token\\":\\"$TOKEN\\"}"</code></pre>
<p>The reply says <code>active</code>, <code>pending</code>, <code>locked</code>,
<code>ended</code> with its reason, or <code>unknown</code>. When the store cannot answer, the
status is 503: nobody is signed out by an outage.</p>
</section>
<section>
<h2>3. Read on</h2>
<ul>
<li><a href="/openapi.json">OpenAPI document</a>: every operation, field and problem</li>
<li><a href="/healthz">Health</a> and <a href="/readyz">readiness</a></li>
<li><code>sojourn --help</code>: sessions, subjects, keys and policies on the command line</li>
</ul>
</section>
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return text.replaceAll(/[&<>"]/g, (character) => `&${names[character] ?? ""};`);
}
