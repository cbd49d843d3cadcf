/** `sojourn doctor`: looks at a running application from outside, whatever it is made with. */
import { EXIT, FailedError } from "./command.ts";
import type { Command, Option } from "./command.ts";
import { examine } from "./doctor/examine.ts";
import type { Report } from "./doctor/examine.ts";
import { createClient, RequestError } from "./doctor/http.ts";
import { readPlan } from "./doctor/plan.ts";
import type { Plan } from "./doctor/plan.ts";
import { announcement, reportText, reportView } from "./doctor/report.ts";

const OPTIONS: readonly Option[] = [
  { name: "login-path", value: "PATH", means: "where the login form is sent to, by POST" },
  {
    name: "field",
    value: "NAME=VALUE",
    many: true,
    means: "a field of the login; VALUE may be @FILE or env:VARIABLE",
  },
  { name: "json-body", means: "send the fields as JSON instead of as a form" },
  {
    name: "cookie",
    value: "NAME=@FILE",
    many: true,
    means: "instead of a login: hand a session over, from a file or as env:VARIABLE",
  },
  { name: "session-cookie", value: "NAME", means: "which cookie is the session's, if not obvious" },
  {
    name: "whoami-path",
    value: "PATH",
    means: "a page that differs for the person and for nobody",
  },
  { name: "logout-path", value: "PATH", means: "where signing out is sent to, by POST" },
  { name: "write-path", value: "PATH", means: "where something is changed, by POST" },
  {
    name: "write-body",
    value: "TEXT",
    means: "the body for it: a form (a=1&b=2) or JSON ({…}); @FILE and env:VARIABLE, too",
  },
  { name: "write-page", value: "PATH", means: "the page whose hidden fields go along with it" },
  {
    name: "slow-path",
    value: "PATH",
    means: "a POST that writes to the session and takes about a second",
  },
  { name: "plain-url", value: "URL", means: "the application by plain HTTP, where not on port 80" },
  { name: "insecure", means: "accept a certificate that nobody vouches for" },
  { name: "timeout", value: "SPAN", means: "longest wait for one answer (default: 10s)" },
  { name: "dry-run", means: "say what would be sent, and send nothing" },
];

const doctor: Command = {
  name: "doctor",
  summary: "Examine the sessions of a running application, whatever it is made with",
  words: ["URL"],
  options: OPTIONS,
  installation: false,
  details: `Without flags it only reads, as nobody. With a login, and paths that say where, it also looks at
what a login, a logout and other sites' requests do; it says beforehand what it will send. Use an
account made for it, on a copy of the application where you can. Values of cookies and fields are
never printed; a password on the command line is seen by others: use @FILE or env:VARIABLE.`,
  exits: "0 nothing failed, 1 a check failed, 2 wrong usage, 3 the application cannot be reached.",
  examples: [
    "sojourn doctor https://app.example",
    `sojourn doctor http://localhost:3000 --login-path /login --field name=alice \\
    --field password=env:PASSWORD --whoami-path /me --logout-path /logout \\
    --write-path /cart --write-body 'item=1'`,
    "sojourn doctor https://app.example --cookie connect.sid=@cookie.txt --whoami-path /me --json",
  ],
  async run(invocation) {
    const { output, values } = invocation;
    const plan = readPlan(invocation);
    for (const remark of plan.remarks) output.note(remark);
    if (values["dry-run"] === true) {
      output.result({ url: plan.url.href, sends: announcement(plan).split("\n") }, () =>
        announcement(plan),
      );
      return EXIT.ok;
    }
    if (!output.json) output.note(`${announcement(plan)}\n`);
    const report = await reached(plan);
    output.result(reportView(report), (paint) => reportText(report, paint));
    return report.findings.some(({ result }) => result === "fail") ? EXIT.failed : EXIT.ok;
  },
};

async function reached(plan: Plan): Promise<Report> {
  try {
    return await examine(plan, createClient(plan));
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw new FailedError(error.message, EXIT.unreachable);
  }
}

export const doctorCommands: readonly Command[] = [doctor];
