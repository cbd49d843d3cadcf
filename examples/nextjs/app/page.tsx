import Link from "next/link";
import { Suspense } from "react";
import { handleOf } from "sojourn";
import { currentSession } from "../lib/session.ts";
import { getSessions } from "../lib/sessions.ts";
import { add, login, signOutElsewhere } from "./actions.ts";

export default async function Page() {
  const { subject, data } = await currentSession();
  if (subject === null) return <SignIn />;
  return (
    <>
      <header>
        <h1>
          Notes of <span id="user">{subject}</span>
        </h1>
        <form method="post" action="/logout">
          <button>Sign out</button>
        </form>
      </header>
      <section>
        <h2>Your notes</h2>
        <ul>
          {(data.notes ?? []).map((note, index) => (
            <li key={index} className="note">
              {note}
            </li>
          ))}
        </ul>
        <form action={add}>
          <label>
            New note <input name="note" required maxLength={200} />
          </label>
          <button className="main">Add</button>
        </form>
      </section>
      <section>
        <h2>Where you are signed in</h2>
        <Suspense fallback={<p className="quiet">…</p>}>
          <Places subject={subject} />
        </Suspense>
        <form action={signOutElsewhere}>
          <button>Sign out elsewhere</button>
        </form>
      </section>
      <p className="quiet">
        <Link href="/about">About</Link>
      </p>
    </>
  );
}

async function Places({ subject }: { subject: string }) {
  const own = await currentSession();
  const { items } = await getSessions().subject(subject).list();
  return (
    <ul>
      {items.map(({ id, createdAt }) => (
        <li key={id} className="place">
          {`since ${new Date(createdAt).toISOString().slice(0, 16).replace("T", " ")} UTC`}
          {handleOf(id) === own.id ? ", this browser" : ""}
        </li>
      ))}
    </ul>
  );
}

function SignIn() {
  return (
    <>
      <header>
        <h1>Notes</h1>
      </header>
      <section>
        <h2>Sign in</h2>
        <form action={login}>
          <label>
            Name <input name="name" required maxLength={64} autoComplete="username" />
          </label>
          <button className="main">Sign in</button>
        </form>
        <p className="quiet">Any name will do: this example checks no password.</p>
      </section>
    </>
  );
}
