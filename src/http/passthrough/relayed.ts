import type { IncomingMessage } from 'node:http';

import type { WriteRequest } from '../../oci/write-request.ts';
import type { Relay } from '../../pull-through/relay.ts';
import type { Target } from '../../pull-through/router.ts';
import type { RelayBody } from './relay-body.ts';
import type { RelayPlace } from './relay-location.ts';
import type { RouteContext } from '../v2/route-table.ts';

/** A write of a client that goes to an upstream. */
export interface Relayed<R extends WriteRequest = WriteRequest> {
  readonly request: R;
  readonly found: Target & { readonly relay: Relay };
  readonly context: Pick<RouteContext, 'exchange' | 'mountSource' | 'locate' | 'notify'>;
  /** The `ns` parameter. */
  readonly sourceHost: string | undefined;
}

/** What the upstream said to it. */
export interface Answered {
  readonly answer: IncomingMessage;
  readonly status: number;
  readonly place: RelayPlace;
  readonly body: RelayBody;
  readonly isMount: boolean;
}
