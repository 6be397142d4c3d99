import type { WriteRequest } from '../../oci/write-request.ts';
import type { Relay } from '../../pull-through/relay.ts';
import type { Target } from '../../pull-through/router.ts';
import type { RouteContext } from './route-table.ts';

/** A client's write to a name of an upstream that accepts pushes. */
export interface RelayedWrite {
  readonly request: WriteRequest;
  readonly found: Target & { readonly relay: Relay };
  readonly context: Pick<RouteContext, 'exchange' | 'mountSource' | 'locate' | 'notify'>;
  /** The `ns` parameter. */
  readonly sourceHost: string | undefined;
}

/** Forwards writes to an upstream and sends its response. */
export interface WritePassthrough {
  /** @throws {RegistryError} when the upstream cannot be reached or refuses Layover's credentials */
  relay(write: RelayedWrite): Promise<void>;
}
