"""The sign-in: the one place that checks passwords, has a service key, and sets the cookie.

    SOJOURN_URL=http://127.0.0.1:7380 SOJOURN_KEY=sj1k_… python3 signin.py PORT
"""

import hmac
import json
import os
import sys
import urllib.error
import urllib.request
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote

PEOPLE = {"alice": "correct horse", "Zoë 日本": "battery staple"}
BODY_BYTES_MAX = 4096
PAGE = """<!doctype html>
<html lang="en">
<title>Sign in</title>
<h1>Sign in</h1>
<p>alice with "correct horse", or Zoë 日本 with "battery staple".</p>
<form method="post" action="/sign-in">
<input name="name" aria-label="Name" autocomplete="username" required>
<input name="password" type="password" aria-label="Password" required>
<button>Sign in</button>
</form>
</html>
"""


def call(method, path, body=None):
    """One call of the service. @returns its answer; raises when it refuses or is not there."""
    request = urllib.request.Request(
        os.environ["SOJOURN_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode("utf-8"),
        headers={
            "Authorization": f"Bearer {os.environ['SOJOURN_KEY']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class SignIn(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, PAGE)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            self.answer(413, "That is too long.")
            return
        form = parse_qs(self.rfile.read(length).decode("utf-8", errors="replace"))
        if not self.is_own_form():
            self.answer(403, "This form was sent by another site.")
            return
        name = form.get("name", [""])[0]
        given = form.get("password", [""])[0].encode("utf-8")
        right = hmac.compare_digest(given, PEOPLE.get(name, "").encode("utf-8"))
        if name not in PEOPLE or not right:
            self.answer(401, PAGE)
            return
        try:
            token = self.open_session(name)
        except (OSError, urllib.error.URLError):
            self.answer(503, "Nobody can sign in just now. Try again.")
            return
        self.answer(303, "", {"Location": "/", "Set-Cookie": self.cookie(token)})

    def is_own_form(self):
        """Nobody is signed in to somebody else's account by a page of another site."""
        site = self.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site in ("same-origin", "none")
        proto = self.headers.get("X-Forwarded-Proto", "http")
        return self.headers.get("Origin") == f"{proto}://{self.headers.get('Host')}"

    def open_session(self, name):
        """The new session, then the end of the one the browser had: a sign-in changes both."""
        agent = {"client": {"userAgent": self.headers.get("User-Agent", "")}}
        opened = call("POST", "/v1/sessions", {"subject": name, "amr": ["pwd"], **agent})
        before = self.presented()
        if before is not None:
            body = {"token": before, "fields": ["id"], **agent}
            session = call("POST", "/v1/sessions/verify", body).get("session")
            if session is not None:
                path = f"/v1/sessions/{quote(session['id'])}/revoke"
                call("POST", path, {"cause": "signed_in_again"})
        return opened["token"]

    def presented(self):
        try:
            jar = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return None
        name = self.cookie("").partition("=")[0]
        return jar[name].value if name in jar else None

    def cookie(self, token):
        """As the service sets it: the strict one wherever the gateway speaks TLS."""
        rest = f"={token}; Path=/; HttpOnly; SameSite=Lax"
        secure = self.headers.get("X-Forwarded-Proto") == "https"
        return f"__Host-session{rest}; Secure" if secure else f"session{rest}"

    def answer(self, status, text, more=None):
        body = text.encode("utf-8")
        self.send_response(status)
        headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
        for name, value in {**headers, **(more or {}), "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Addresses and names stay out of the log."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), SignIn)
    print(f"sign-in on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
