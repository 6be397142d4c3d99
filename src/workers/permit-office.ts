import type { ServedListener, ServedRequest } from '../http/v2/dispatcher.ts';
import type { OciRequest } from '../oci/request.ts';
import type { Target } from '../pull-through/router.ts';
import type { HeldBlob, HeldManifest } from '../registry/held-content.ts';
import { permitKey } from './permit-key.ts';
import {
  contentName,
  type Permit,
  type PermittedContent,
  type PermittedRequest,
  type PermittedTag,
  sharedNow,
  tagName,
} from './protocol.ts';

export interface PermitOptions {
  /** `auth`: requests need credentials, or may have some. `none`: nothing is permitted. */
  readonly kind: () => 'open' | 'auth' | 'none';
  /** @returns false when there is no such worker */
  readonly send: (worker: number, permit: Permit) => void;
  /** The worker that handed the request over. */
  readonly workerOf: (request: ServedRequest['exchange']['req']) => number | undefined;
}

/** Without authentication. Milliseconds. */
const VALID_MS = 60_000;
/** With it: a token, a password or a rule may change, and is checked again after this. Milliseconds. */
const VALID_WITH_AUTH_MS = 1_000;
/** Larger manifests are rare, and sent to each worker. Bytes. */
const MAX_MANIFEST_BYTES = 1024 * 1024;

/**
 * Permits workers to respond to further requests like one that was served. Looks the content up in memory and sends it in one turn of the
 * event loop: the message about a later removal comes later.
 */
export function createPermitOffice({ kind, send, workerOf }: PermitOptions): ServedListener {
  return ({ exchange, request, target, outcome }) => {
    const worker = workerOf(exchange.req);
    const permits = kind();
    const key = outcome === 'HIT' && permits !== 'none' ? permitKey(exchange.req) : undefined;
    const held = worker === undefined || key === undefined ? undefined : findHeld(request, target);
    if (worker === undefined || key === undefined || !held) return;
    const startedMs = performance.now() - exchange.startedAt;
    const validMs = permits === 'auth' ? VALID_WITH_AUTH_MS - startedMs : VALID_MS;
    const now = sharedNow();
    const until = now + Math.min(validMs, held.content.forMs ?? Infinity);
    if (until <= now) return;
    send(worker, toPermit({ key, until, held, target, user: exchange.identity.name }, now));
  };
}

interface Held {
  readonly request: PermittedRequest;
  readonly content: HeldManifest | HeldBlob;
}

function findHeld(request: OciRequest, { held, repository }: Target): Held | undefined {
  switch (request.kind) {
    case 'get-manifest':
    case 'head-manifest': {
      const manifest = held?.manifest(repository, request.reference);
      if (!manifest || manifest.size > MAX_MANIFEST_BYTES) return undefined;
      const { repository: name, reference } = request;
      return { request: { kind: 'manifest', repository: name, reference }, content: manifest };
    }
    case 'get-blob':
    case 'head-blob': {
      const blob = held?.blob(repository, request.digest);
      return (
        blob && { request: { kind: 'blob', repository: request.repository, digest: request.digest }, content: blob }
      );
    }
    default:
      return undefined;
  }
}

interface PermitParts {
  readonly key: string;
  readonly until: number;
  readonly held: Held;
  readonly target: Target;
  readonly user: string;
}

function toPermit({ key, until, held: { request, content }, target, user }: PermitParts, now: number): Permit {
  const { storedAs, sourceHost, namedBy } = target;
  const isTag = request.kind === 'manifest' && request.reference.kind === 'tag';
  const tag: PermittedTag | undefined = isTag
    ? { name: tagName(storedAs, request.reference.tag), until: now + (content.forMs ?? 0) }
    : undefined;
  return {
    type: 'permit',
    key,
    request,
    user,
    sourceHost,
    // Hosted names have no source.
    upstream: sourceHost,
    namedBy,
    isGetOnly: 'isGetOnly' in content && (content.isGetOnly ?? false),
    until,
    tag,
    content: toPermittedContent(storedAs, content),
  };
}

function toPermittedContent(stored: string, content: HeldManifest | HeldBlob): PermittedContent {
  const { digest, mediaType, size } = content;
  const source = 'bytes' in content ? { bytes: content.bytes } : content.source;
  return { name: contentName(stored, digest), stored, digest, mediaType, size, source };
}
