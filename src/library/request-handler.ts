import type { IncomingMessage, ServerResponse } from 'node:http';

import { ANONYMOUS } from '../auth/identity.ts';
import { neededBy } from '../http/auth/access-of.ts';
import { Clients } from '../http/client/client-address.ts';
import { createBaseUrl, createLocate } from '../http/client/locate.ts';
import { TrustedProxies } from '../http/client/trusted-proxies.ts';
import type { AccessGate, Permissions } from '../http/v2/access-gate.ts';
import { createDispatcher, type RequestRouter } from '../http/v2/dispatcher.ts';
import type { FinishedRequest, RequestEvents } from '../http/v2/request-events.ts';
import type { FindTarget } from '../http/v2/route-table.ts';
import { createRoutes } from '../http/v2/routes.ts';
import { RegistryError } from '../oci/errors.ts';
import type { OciRequest } from '../oci/request.ts';
import type { Target } from '../pull-through/router.ts';
import type { ContentListener } from '../registry/content-event.ts';
import type { Registry } from '../registry/registry.ts';
import { toStorageFailure } from '../service/storage-failure.ts';

/** One access that a request needs. */
export interface AccessRequest {
  readonly req: IncomingMessage;
  /** Absent for `GET /v2/` and for the catalog. */
  readonly repository: string | undefined;
  /** `catalog` lists all repositories; `ping` is `GET /v2/`, by which clients find out whether they have to log in. */
  readonly action: 'ping' | 'pull' | 'push' | 'delete' | 'catalog';
}

export interface HandlerOptions {
  /** Precedes `/v2/`, such as `/registry/`; starts and ends with `/`. Most clients expect the API at the root of a host. @default `/` */
  readonly prefix?: string;
  /**
   * Decides about every access before the registry is called: for a push about `pull` and `push`, for a mount also about `pull` from its
   * source. Absent: every client may do everything.
   *
   * @throws {RegistryError} `UNAUTHORIZED`, with a `www-authenticate` header in its options, or `DENIED`
   */
  readonly authorize?: (access: AccessRequest) => void | Promise<void>;
  readonly events?: HandlerEvents;
  /** Of a manifest that is pushed, in bytes; 0: no limit. @default 4 MiB */
  readonly maxManifestBytes?: number;
}

/** Everything is optional. A listener must not throw. */
export interface HandlerEvents {
  /** Content was pulled, pushed, mounted or deleted. A response to a push waits for the promise. */
  readonly content?: ContentListener;
  readonly requestFinished?: (request: FinishedRequest) => void;
  /** A failure that the client does not see, as its response is a general one. */
  readonly error?: (message: string, fields: Readonly<Record<string, string>>) => void;
}

/**
 * Serves a request of the registry API. For `node:http`, Express and Fastify (`request.raw`, `reply.hijack()`, `reply.raw`).
 *
 * @returns false when the path is not below `<prefix>v2`: nothing was done. True: the handler responds.
 */
export type Handler = (req: IncomingMessage, res: ServerResponse) => boolean;

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_PAGE = 1000;

/**
 * The OCI distribution API over a registry.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
 */
export function createHandler(registry: Registry, options: HandlerOptions = {}): Handler {
  const router: RequestRouter = {
    route: ({ repository }): Target => ({ registry, repository, storedAs: repository, sourceHost: undefined }),
    isAllowed: () => true,
  };
  return createRoutedHandler(router, registry, options);
}

/** As {@link createHandler}, for several registries. @param catalog lists the repositories of all of them */
export function createRoutedHandler(router: RequestRouter, catalog: Registry, options: HandlerOptions): Handler {
  const { prefix = '/', authorize, events = {}, maxManifestBytes = MAX_MANIFEST_BYTES } = options;
  const clients = new Clients(new TrustedProxies([]));
  const dispatch = createDispatcher({
    router,
    prefix,
    clients,
    locate: createLocate({ prefix }, clients),
    routes: createRoutes({
      hosted: catalog,
      catalogMaxEntries: MAX_PAGE,
      tagsMaxEntries: MAX_PAGE,
      http: { limits: { maxManifestBytes } },
    }),
    events: toRequestEvents(events),
    toStorageFailure,
    gate: authorize && createGate(authorize),
    eventSink: events.content && { listener: events.content.bind(events), baseUrl: createBaseUrl({ prefix }, clients) },
  });
  return (req, res) => dispatch(req, res) !== undefined;
}

type Authorize = NonNullable<HandlerOptions['authorize']>;

function createGate(authorize: Authorize): AccessGate {
  return {
    identify: () => ({ identity: ANONYMOUS, isRefused: false }),
    admit: ({ req }, _caller, { request, target }) => admit({ req, request, target }, authorize),
    admitUnread: () => {},
  };
}

interface AdmissionRequest {
  readonly req: IncomingMessage;
  readonly request: OciRequest;
  readonly target: FindTarget;
}

async function admit({ req, request, target }: AdmissionRequest, authorize: Authorize): Promise<Permissions> {
  const needed = neededBy(request);
  if (needed.kind !== 'repository') {
    await authorize({ req, repository: undefined, action: needed.kind === 'catalog' ? 'catalog' : 'ping' });
    return { mayPull: () => false, maySee: undefined };
  }
  const { storedAs } = target(needed.repository);
  for (const action of needed.actions) await authorize({ req, repository: storedAs, action });
  const source =
    needed.from === undefined
      ? undefined
      : await sourceOf(needed.from, target, (repository) => authorize({ req, repository, action: 'pull' }));
  return { mayPull: (repository) => repository === source || repository === storedAs, maySee: undefined };
}

/** Stored name of a mount's source; absent when the client may not pull from it, and then sends the blob. */
async function sourceOf(
  from: string,
  target: FindTarget,
  authorizePull: (repository: string) => void | Promise<void>,
): Promise<string | undefined> {
  try {
    const { storedAs } = target(from);
    await authorizePull(storedAs);
    return storedAs;
  } catch (err) {
    if (err instanceof RegistryError) return undefined;
    throw err;
  }
}

function toRequestEvents(events: HandlerEvents): RequestEvents {
  return {
    log: { error: (fields, message) => events.error?.(message, fields) },
    requestStarted: () => {},
    requestFinished: (request) => events.requestFinished?.(request),
    clientRefused: () => {},
    cache: { served: () => {} },
  };
}
