import type { Caller } from '../../auth/auth.ts';
import type { RegistryError } from '../../oci/errors.ts';
import type { OciRequest } from '../../oci/request.ts';
import type { Exchange } from './exchange.ts';
import type { FindTarget } from './route-table.ts';

/** Further permissions of the caller of the current request. Names are those of the storage. */
export interface Permissions {
  readonly mayPull: (repository: string) => boolean;
  /** Whether a repository is listed. Absent when all of them are. */
  readonly maySee: ((repository: string) => boolean) | undefined;
}

/** Decides who may do what. */
export interface AccessGate {
  /** May return at once, so that a request with known credentials waits for nothing. */
  identify(exchange: Exchange): Caller | Promise<Caller>;

  /** May return at once, as {@link identify}. @throws {RegistryError} `UNAUTHORIZED` | `DENIED`, and the errors of `target` */
  admit(
    exchange: Exchange,
    caller: Caller,
    requested: { readonly request: OciRequest; readonly target: FindTarget },
  ): Permissions | Promise<Permissions>;

  /**
   * For a client that was admitted without an identity, and gets the content only with one.
   *
   * @returns `UNAUTHORIZED` with the challenges; `DENIED` when there are none
   */
  challenge?(
    exchange: Exchange,
    requested: { readonly request: OciRequest; readonly target: FindTarget },
  ): RegistryError;

  /**
   * For a request that is not one of the API: its fault is reported only to known callers.
   *
   * @throws {RegistryError} `UNAUTHORIZED`
   */
  admitUnread(exchange: Exchange, caller: Caller): void;
}
