/** Whose keys: the installation's, or a tenant's own. */
import type { MaybePromise, TenantKeys } from "../engine/ports.ts";
import type { SessionsOptions } from "./options.ts";
import type { InstallationDesk, TokenDesk } from "./token-desk.ts";

export class TokenDesks {
  #common: InstallationDesk | undefined;
  readonly #deriving: Promise<InstallationDesk>;
  readonly #tenantKeys: TenantKeys | undefined;
  readonly #encryptData: boolean;
  /** By the key itself: whoever provides it decides how long what follows from it is kept. */
  readonly #own = new WeakMap<Uint8Array, Map<string, MaybePromise<TokenDesk>>>();

  constructor(
    deriving: Promise<InstallationDesk>,
    { tenantKeys, encryptData = false }: Pick<SessionsOptions, "tenantKeys" | "encryptData">,
  ) {
    this.#deriving = deriving;
    this.#tenantKeys = tenantKeys;
    this.#encryptData = encryptData;
    deriving.then(
      (desk) => void (this.#common = desk),
      () => undefined,
    );
  }

  /** The installation's once it is derived; for what must not wait. */
  get known(): InstallationDesk | undefined {
    return this.#common;
  }

  /** A promise only until the first derivation is done. */
  installation(): MaybePromise<InstallationDesk> {
    return this.#common ?? this.#deriving;
  }

  /** Data of this tenant goes to the store encrypted: what its key is destroyed for. */
  async encrypts(tenant: string): Promise<boolean> {
    if (this.#encryptData) return true;
    return this.#tenantKeys !== undefined && (await this.of(tenant)).own;
  }

  /**
   * Of one tenant. A promise only until its key is known and what follows from it is derived.
   *
   * @throws whatever the provider throws: trouble is never "no key".
   */
  of(tenant: string): MaybePromise<TokenDesk> {
    const common = this.#common ?? this.#deriving;
    if (this.#tenantKeys === undefined) return common;
    const key = this.#tenantKeys.keyOf(tenant);
    if (key instanceof Promise || common instanceof Promise) {
      return this.#later(tenant, common, key);
    }
    return key === undefined ? common : this.#under(common, tenant, key);
  }

  async #later(
    tenant: string,
    common: MaybePromise<InstallationDesk>,
    key: MaybePromise<Uint8Array | undefined>,
  ): Promise<TokenDesk> {
    const [desk, bytes] = await Promise.all([common, key]);
    return bytes === undefined ? desk : this.#under(desk, tenant, bytes);
  }

  #under(common: InstallationDesk, tenant: string, key: Uint8Array): MaybePromise<TokenDesk> {
    const known = this.#own.get(key) ?? new Map<string, MaybePromise<TokenDesk>>();
    this.#own.set(key, known);
    const before = known.get(tenant);
    if (before !== undefined) return before;
    const deriving = common.forTenant(tenant, key);
    known.set(tenant, deriving);
    deriving.then(
      (desk) => known.set(tenant, desk),
      () => known.delete(tenant),
    );
    return deriving;
  }
}
