/** Passkeys: asked for by the service, given by the browser. */
import { startAuthentication, startRegistration } from "@simplewebauthn/browser";
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from "@simplewebauthn/browser";
import { call } from "../api/client.ts";
import type { Me } from "../api/types.ts";

interface Ask<Options> {
  readonly options: Options;
}

/** @param purpose `passkey` signs in, `step-up` proves once more. */
export async function provePasskey(purpose: "passkey" | "step-up"): Promise<Me> {
  const path = `/session/${purpose}`;
  const asked = await call<Ask<PublicKeyCredentialRequestOptionsJSON>>(`${path}/options`, {
    method: "POST",
  });
  const response = await startAuthentication({ optionsJSON: asked.options });
  return call<Me>(path, { method: "POST", body: { response } });
}

export async function registerPasskey(label: string): Promise<void> {
  const asked = await call<Ask<PublicKeyCredentialCreationOptionsJSON>>("/passkeys/options", {
    method: "POST",
  });
  const response = await startRegistration({ optionsJSON: asked.options });
  const named = label === "" ? {} : { label };
  await call("/passkeys", { method: "POST", body: { response, ...named } });
}

/** What a browser throws, in words. */
export function passkeyTrouble(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  switch (name) {
    case "NotAllowedError":
      return "It was cancelled, or took too long. Try again.";
    case "InvalidStateError":
      return "This authenticator has a passkey for this console already.";
    case "SecurityError":
      return "Passkeys need HTTPS, or the name localhost instead of an address.";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
