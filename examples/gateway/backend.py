"""A guest book that knows nothing of sessions: it reads who is asking from what nginx says.

    python3 backend.py PORT

It must not be reachable but through the gateway, which is why it listens on this machine alone.
"""

import html
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

BODY_BYTES_MAX = 4096
NOTES_MAX = 100
notes = []

PAGE = """<!doctype html>
<html lang="en">
<title>Guest book</title>
<h1>Guest book</h1>
<p>Signed in as <b id="subject">{subject}</b> with {amr}, session <code>{id}</code>.</p>
<form method="post" action="/notes">
<input name="note" aria-label="Note" required maxlength="200"> <button>Add</button>
</form>
<ul>{notes}</ul>
<p><a href="/admin">Administration</a> asks for a sign-in of the last five minutes.</p>
<button id="out">Sign out</button>
<script>
document.querySelector("#out").addEventListener("click", async () => {{
  await fetch("/v1/session", {{ method: "DELETE" }});
  location.assign("/");
}});
</script>
</html>
"""


def identity(headers):
    """Who is asking. Values are percent-encoded; what the service left empty is not there."""
    if "X-Session-Subject" not in headers:
        return None
    return {
        "subject": unquote(headers["X-Session-Subject"], errors="strict"),
        "id": headers.get("X-Session-Id", ""),
        "tenant": unquote(headers.get("X-Session-Tenant", "")),
        "acr": unquote(headers.get("X-Session-Acr", "")),
        "amr": [unquote(word) for word in headers.get("X-Session-Amr", "").split()],
        "authTime": headers.get("X-Session-Auth-Time", ""),
    }


class GuestBook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        who = identity(self.headers)
        if who is None:
            self.answer(403, "text/plain", "Nobody said who you are: come through the gateway.\n")
        elif self.path == "/":
            items = "".join(f"<li>{html.escape(by)}: {html.escape(text)}</li>" for by, text in notes)
            words = {"subject": who["subject"], "amr": ", ".join(who["amr"]), "id": who["id"]}
            escaped = {name: html.escape(word) for name, word in words.items()}
            self.answer(200, "text/html", PAGE.format(notes=items, **escaped))
        elif self.path == "/me":
            self.answer(200, "application/json", json.dumps(who))
        elif self.path == "/admin":
            self.answer(200, "text/plain", f"{len(notes)} notes. You gave a factor just now.\n")
        else:
            self.answer(404, "text/plain", "There is no such page.\n")

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            self.answer(413, "text/plain", "That is too long.\n")
            return
        form = parse_qs(self.rfile.read(length).decode("utf-8", errors="replace"))
        who = identity(self.headers)
        if who is None or self.path != "/notes" or "note" not in form:
            self.answer(403 if who is None else 404, "text/plain", "That cannot be added.\n")
            return
        notes.append((who["subject"], form["note"][0][:200]))
        del notes[:-NOTES_MAX]
        self.answer(303, "text/plain", "", {"Location": "/"})

    def answer(self, status, kind, text, more=None):
        body = text.encode("utf-8")
        self.send_response(status)
        headers = {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-store"}
        for name, value in {**headers, **(more or {}), "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Addresses and names stay out of the log."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), GuestBook)
    print(f"guest book on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
