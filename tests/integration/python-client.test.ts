/** The client of Python, by the machine's own python3, against the running service. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { roughWay } from "../support/rough-way.ts";
import type { RoughWay } from "../support/rough-way.ts";
import { root } from "../tidy/repository.ts";
import { startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

let s: TestService;
let way: RoughWay;
let key: string;

beforeAll(async () => {
  s = await startTestService({ env: { SOJOURN_RATE_LIMIT: "0" } });
  way = await roughWay(s.service.url);
  key = await s.key("default");
});

afterAll(async () => {
  await way.stop();
  await s.service.stop();
});

const HEAD = `
import os, sys
sys.path.insert(0, os.getcwd())
from sojourn import Sojourn, SojournError
sojourn = Sojourn(os.environ["SOJOURN_URL"], os.environ["SOJOURN_KEY"])
`;

/** @returns the lines that a program printed which has the client as `sojourn`. */
function python(program: string): Promise<string[]> {
  const child = spawn("python3", ["-W", "error", "-c", `${HEAD}${program}\nsojourn.close()\n`], {
    cwd: join(root, "clients", "python"),
    env: {
      PATH: process.env["PATH"] ?? "",
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONIOENCODING: "utf-8",
      SOJOURN_URL: way.url,
      SOJOURN_KEY: key,
    },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => void (said += chunk.toString()));
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(said.trim().split("\n"));
      else reject(new Error(said));
    });
  });
}

it("opens, verifies and ends a session", async () => {
  const said = await python(`
opened = sojourn.open_session({"subject": "alice", "amr": ["pwd"]})
print(sojourn.verify({"token": opened["token"], "activity": True})["state"])
print(sojourn.revoke_session(opened["session"]["id"], {"cause": "lost_laptop"})["reason"])
print(sojourn.verify({"token": opened["token"]})["state"])
tokens = [opened["token"]] + ["sj1s_none"] * 600
print([verdict["state"] for verdict in sojourn.verify_all(tokens)].count("unknown"))
`);
  expect(said).toEqual(["active", "revoked", "ended", "600"]);
});

it("lists page by page, whatever the subject is called", async () => {
  const said = await python(`
subject = "käthe / ✓"
opened = {sojourn.open_session({"subject": subject})["session"]["id"] for _ in range(5)}
found = [one["id"] for one in sojourn.each(sojourn.list_sessions, {"subject": subject, "limit": 2})]
print(len(found), set(found) == opened)
of_subject = sojourn.each(sojourn.list_subject_sessions, subject, {"limit": 2})
print(len(list(of_subject)), sojourn.get_subject(subject)["sessions"])
print(sojourn.revoke_subject(subject)["ended"], type(sojourn.export_audit()).__name__)
`);
  expect(said).toEqual(["5 True", "5 5", "5 str"]);
});

it("changes the version that was read, and begins again when somebody was faster", async () => {
  const said = await python(`
import threading
session = sojourn.open_session({"subject": "bob", "data": {"n": 0}})["session"]
sojourn.change_session(session["id"], {"data": {"n": 1}}, if_match=session)
try:
    sojourn.change_session(session["id"], {"data": {"n": 2}}, if_match=session)
except SojournError as error:
    print(error.code, error.status, error.retryable)
def add():
    sojourn.change_session_with(session["id"], lambda s: {"data": {"n": s["data"]["n"] + 1}})
    sojourn.close()
threads = [threading.Thread(target=add) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sojourn.get_session(session["id"])["session"]["data"])
`);
  expect(said).toEqual(["version_conflict 412 False", "{'n': 4}"]);
});

it("turns problems into errors, and says what is wrong with its settings", async () => {
  const said = await python(`
try:
    sojourn.get_session("ses_AAAAAAAAAAAAAAAAAAAAAAAA")
except SojournError as error:
    print(error.code, error.status, error.retryable, len(error.request_id))
try:
    sojourn.open_session({"subject": ""})
except SojournError as error:
    print(error.problem["errors"][0]["path"])
for url, key in (("sojourn", "sj1k_x"), ("http://127.0.0.1", "secret")):
    try:
        Sojourn(url, key)
    except ValueError as error:
        print(str(error).split(":")[0])
try:
    Sojourn("http://127.0.0.1:9", os.environ["SOJOURN_KEY"], timeout=2).list_sessions()
except SojournError as error:
    print(error.code, error.status, error.retryable)
`);
  const wanted = ["not_found 404 False 36", "subject", "url", "key", "unreachable 0 True"];
  expect(said).toEqual(wanted);
});

it("opens no second session when the answer about the first was lost", async () => {
  const before = way.requests();
  way.ahead.push("answer-lost", "refused");
  const said = await python(`
session = sojourn.open_session({"subject": "lost"})["session"]
print([one["id"] for one in sojourn.list_sessions({"subject": "lost"})["items"]] == [session["id"]])
`);
  expect([said, way.requests() - before]).toEqual([["True"], 4]);
});

it("does not repeat what may be done twice", async () => {
  const { id } = await s.open("once");
  const before = way.requests();
  way.ahead.push("answer-lost");
  const said = await python(`
try:
    sojourn.rotate_session("${id}")
except SojournError as error:
    print(error.code, error.retryable)
`);
  expect([said, way.requests() - before]).toEqual([["unreachable True"], 1]);
});

it("waits as long as Retry-After says, and not past its time", async () => {
  way.ahead.push("drained");
  const said = await python(`
import time
begun = time.monotonic()
print(sojourn.verify({"token": "sj1s_none"})["state"], time.monotonic() - begun >= 0.99)
`);
  expect(said).toEqual(["unknown True"]);
  way.ahead.push("silent");
  const late = await python(`
try:
    sojourn.list_sessions(timeout=0.3)
except SojournError as error:
    print(error.code, error.status, error.retryable)
`);
  expect(late).toEqual(["timeout 0 True"]);
});
