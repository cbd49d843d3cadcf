import Link from "next/link";

/** Rendered once, by the build; its visitors' tokens are renewed all the same. */
export default function About() {
  return (
    <>
      <header>
        <h1>About</h1>
      </header>
      <p>
        <Link href="/">Back to the notes</Link>
      </p>
    </>
  );
}
