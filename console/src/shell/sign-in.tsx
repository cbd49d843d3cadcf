/** Nobody is signed in: a passkey, or the one-time link that the command line printed. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { call } from "../api/client.ts";
import type { Me } from "../api/types.ts";
import { reasonWords } from "../ui/badge.tsx";
import { Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Mark } from "./mark.tsx";
import { passkeyTrouble, provePasskey } from "./passkey.ts";
import "./sign-in.css";

/** The secret of a link, taken out of the address before anything else can see it there. */
function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get("t") ?? undefined;
  if (token !== undefined) history.replaceState(null, "", location.pathname);
  return token;
}

let linkToken = takeToken();

export function SignIn({ reason }: { readonly reason: string | undefined }) {
  const client = useQueryClient();
  const [path, navigate] = useLocation();
  const [busy, setBusy] = useState(linkToken !== undefined);
  const [error, setError] = useState<unknown>();
  const [told, setTold] = useState<string>();
  const enter = async (me: Me, to?: string): Promise<void> => {
    // An answer that is still under way was given to nobody.
    await client.cancelQueries({ queryKey: ["me"] });
    client.setQueryData(["me"], me);
    if (to !== undefined || path === "/sign-in") navigate(to ?? "/", { replace: true });
  };
  const started = useRef(false);
  useEffect(() => {
    const token = (linkToken ??= takeToken());
    if (token === undefined || started.current) return;
    started.current = true;
    linkToken = undefined;
    call<Me>("/session/link", { method: "POST", body: { token } })
      .then((me) => enter(me, me.hasPasskey ? "/" : "/account"))
      .catch((caught: unknown) => setError(caught))
      .finally(() => setBusy(false));
  });
  const usePasskey = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    setTold(undefined);
    try {
      await enter(await provePasskey("passkey"));
    } catch (caught) {
      if (caught instanceof Error && caught.name === "ProblemError") setError(caught);
      else setTold(passkeyTrouble(caught));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <div className="sign-in-box">
        <Mark />
        <h1>Sign in to the console</h1>
        {reason === undefined ? null : (
          <p className="notice">You were signed out: {reasonWords(reason)}.</p>
        )}
        {error === undefined ? null : <Trouble error={error} />}
        {told === undefined ? null : <p role="alert">{told}</p>}
        <Button kind="primary" busy={busy} onClick={() => void usePasskey()}>
          {busy ? "One moment …" : "Use a passkey"}
        </Button>
        <p className="soft small">
          First time here, or no passkey yet? On the machine of the service,{" "}
          <code>sojourn console invite --name NAME</code> prints a link that signs in once.
        </p>
      </div>
    </main>
  );
}
