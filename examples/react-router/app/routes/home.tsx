import { Suspense } from "react";
import { Await, Form } from "react-router";
import { handleOf } from "sojourn";
import { sessionContext } from "../contexts.ts";
import { sessions } from "../sessions.server.ts";
import type { Route } from "./+types/home";

export async function loader({ context }: Route.LoaderArgs) {
  const { id, subject, data } = context.get(sessionContext);
  if (subject === null) return null;
  // Not awaited: the page streams, and the session's cookie has left with the first byte.
  return { name: subject, notes: data.notes ?? [], places: placesOf(subject, id) };
}

async function placesOf(subject: string, own: string | null) {
  const { items } = await sessions.subject(subject).list();
  return items.map(({ id, createdAt }) => ({ id, createdAt, here: handleOf(id) === own }));
}

export default function Home({ loaderData }: Route.ComponentProps) {
  if (loaderData === null) return <SignIn />;
  const { name, notes, places } = loaderData;
  return (
    <>
      <header>
        <h1>
          Notes of <span id="user">{name}</span>
        </h1>
        <Form method="post" action="/logout">
          <button>Sign out</button>
        </Form>
      </header>
      <section>
        <h2>Your notes</h2>
        <ul>
          {notes.map((note, index) => (
            <li key={index} className="note">
              {note}
            </li>
          ))}
        </ul>
        <Form method="post" action="/notes">
          <label>
            New note <input name="note" required maxLength={200} />
          </label>
          <button className="main">Add</button>
        </Form>
      </section>
      <section>
        <h2>Where you are signed in</h2>
        <Suspense fallback={<p className="quiet">…</p>}>
          <Await resolve={places}>{(list) => <Places list={list} />}</Await>
        </Suspense>
        <Form method="post" action="/elsewhere">
          <button>Sign out elsewhere</button>
        </Form>
      </section>
    </>
  );
}

function Places({ list }: { list: Awaited<ReturnType<typeof placesOf>> }) {
  return (
    <ul>
      {list.map(({ id, createdAt, here }) => (
        <li key={id} className="place">
          {`since ${new Date(createdAt).toISOString().slice(0, 16).replace("T", " ")} UTC`}
          {here ? ", this browser" : ""}
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
        <Form method="post" action="/login">
          <label>
            Name <input name="name" required maxLength={64} autoComplete="username" />
          </label>
          <button className="main">Sign in</button>
        </Form>
        <p className="quiet">Any name will do: this example checks no password.</p>
      </section>
    </>
  );
}
