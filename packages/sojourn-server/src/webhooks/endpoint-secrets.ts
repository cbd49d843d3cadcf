/** The secrets of endpoints: made, sealed, and had again for signing. */
import { TextSealer } from "../control/sealed-text.ts";
import type { Endpoint, EndpointTable } from "./endpoint-table.ts";
import { newWebhookSecret } from "./signing.ts";

export class EndpointSecrets {
  readonly #sealer: TextSealer;
  readonly #endpoints: EndpointTable;

  constructor(secrets: readonly string[], endpoints: EndpointTable) {
    this.#sealer = new TextSealer(secrets, "webhook-secret");
    this.#endpoints = endpoints;
  }

  mint(endpoint: string): { readonly text: string; readonly sealed: Uint8Array } {
    const text = newWebhookSecret();
    return { text, sealed: this.#sealer.seal(endpoint, text) };
  }

  /**
   * What signs now: one secret, two while one takes the place of the other, and none when no
   * secret of the installation opens them.
   */
  async of(endpoint: Endpoint, now: number): Promise<readonly string[]> {
    const { id, secret, oldSecret, oldUntil = 0 } = endpoint;
    const present = this.#sealer.open(id, secret);
    if (present?.stale === true) await this.#sealAgain(endpoint, present.text);
    const old = oldSecret === undefined || now >= oldUntil ? undefined : oldSecret;
    const before = old === undefined ? undefined : this.#sealer.open(id, old);
    return [present?.text, before?.text].filter((text) => text !== undefined);
  }

  /** The installation's secret is being changed: nothing is to depend on the one that goes. */
  async #sealAgain(endpoint: Endpoint, text: string): Promise<void> {
    const secret = this.#sealer.seal(endpoint.id, text);
    // Somebody else may have done so, or changed it: the next use tries again.
    await this.#endpoints.change(endpoint, { secret }).catch(() => undefined);
  }
}
