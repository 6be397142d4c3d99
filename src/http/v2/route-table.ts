import type { OciRequest, OciRequestKind, RequestOf } from '../../oci/request.ts';
import type { RegistryReader } from '../../registry/registry.ts';
import type { ContentEvent } from '../../registry/content-event.ts';
import type { Target } from '../../pull-through/router.ts';
import type { Exchange } from './exchange.ts';
import type { FindMountSource } from './mount-source.ts';

/** Finds the registry for a name of the current request, and records it in the exchange. */
export type FindTarget = (repository: string) => Target;

export interface RouteContext {
  readonly exchange: Exchange;
  readonly target: FindTarget;
  /** A path below the registry's root, such as `/v2/app/blobs/…`, as a URL that the client reaches. */
  readonly locate: (path: string) => string;
  readonly mountSource: FindMountSource;
  /** Whether the client may see a repository in lists. Absent when it may see all of them. */
  readonly maySee: ((repository: string) => boolean) | undefined;
  /** Resolves when the event is safe on disk; the response to a push waits for that. Never rejects. */
  readonly notify: (event: ContentEvent) => Promise<void>;
}

/** What a route that only reads content needs. */
export interface ReadContext extends Pick<RouteContext, 'exchange' | 'notify'> {
  readonly target: (repository: string) => { readonly registry: RegistryReader; readonly repository: string };
}

export type ReadHandler<K extends OciRequestKind> = (request: RequestOf<K>, context: ReadContext) => Promise<void>;

export type RouteHandler<K extends OciRequestKind> = (request: RequestOf<K>, context: RouteContext) => Promise<void>;

/** One handler per endpoint and method of the spec; a missing one does not compile. */
export type RouteTable = { readonly [K in OciRequestKind]: RouteHandler<K> };

export function handle<K extends OciRequestKind>(
  table: RouteTable,
  request: OciRequest & { kind: K },
  context: RouteContext,
): Promise<void> {
  const handler = table[request.kind] as RouteHandler<OciRequestKind>;
  return handler(request, context);
}
