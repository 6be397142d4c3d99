import { type Digest, type DigestAlgorithm, isDigest, parseDigest } from './digest.ts';
import { RegistryError } from './errors.ts';
import { parseReference, type Reference, referenceText } from './reference.ts';

/** One request of the API that changes content, parsed. */
export type WriteRequest =
  | {
      readonly kind: 'start-upload';
      readonly repository: string;
      /** A blob to be linked instead of being sent. */
      readonly mount: Digest | undefined;
      /** The repository that has it; undefined: any that the client may pull from. */
      readonly from: string | undefined;
      /** The whole blob is the body. */
      readonly digest: Digest | undefined;
      /** In which the blob will be named. */
      readonly algorithm: DigestAlgorithm;
    }
  | { readonly kind: 'get-upload'; readonly repository: string; readonly upload: UploadReference }
  | { readonly kind: 'append-upload'; readonly repository: string; readonly upload: UploadReference }
  | { readonly kind: 'cancel-upload'; readonly repository: string; readonly upload: UploadReference }
  | {
      readonly kind: 'finish-upload';
      readonly repository: string;
      readonly upload: UploadReference;
      readonly digest: Digest;
    }
  | { readonly kind: 'delete-blob'; readonly repository: string; readonly digest: Digest }
  | {
      readonly kind: 'put-manifest';
      readonly repository: string;
      readonly reference: Reference;
      /** Further tags that it gets. */
      readonly tags: readonly string[];
    }
  | { readonly kind: 'delete-manifest'; readonly repository: string; readonly reference: Reference };

/** An upload session, as its URL has it. */
export interface UploadReference {
  readonly id: string;
  /** What the session was when the URL was given out; undefined when the client made the URL itself. */
  readonly state: string | undefined;
}

const WRITES: ReadonlySet<string> = new Set<WriteRequest['kind']>([
  'start-upload',
  'get-upload',
  'append-upload',
  'cancel-upload',
  'finish-upload',
  'delete-blob',
  'put-manifest',
  'delete-manifest',
]);

export function isWrite(request: { readonly kind: string }): request is WriteRequest {
  return WRITES.has(request.kind);
}

/** A client may give so many tags to a manifest at once. */
const MAX_TAGS = 100;

/** What is wrong with a mount makes it a plain upload, as distribution has it: a client that guessed goes on by sending. */
export function toUploadStart(repository: string, query: URLSearchParams): WriteRequest {
  const mount = query.get('mount') ?? '';
  const digest = query.get('digest');
  return {
    kind: 'start-upload',
    repository,
    mount: isDigest(mount) ? mount : undefined,
    from: query.get('from') || undefined,
    digest: digest === null ? undefined : parseDigest(digest),
    algorithm: parseAlgorithm(query.get('digest-algorithm')),
  };
}

/** @throws {RegistryError} `DIGEST_INVALID` when a PUT has no digest */
export function toUploadRequest(
  repository: string,
  id: string,
  { method, query }: { readonly method: string; readonly query: URLSearchParams },
): WriteRequest {
  const target = { repository, upload: { id, state: query.get('_state') ?? undefined } };
  switch (method) {
    case 'PATCH':
      return { kind: 'append-upload', ...target };
    case 'PUT':
      return { kind: 'finish-upload', ...target, digest: parseDigest(query.get('digest') ?? '') };
    case 'DELETE':
      return { kind: 'cancel-upload', ...target };
    default:
      return { kind: 'get-upload', ...target };
  }
}

/** @throws {RegistryError} `TAG_INVALID` for a `tag` parameter that is none */
export function toManifestWrite(
  target: { readonly repository: string; readonly reference: Reference },
  method: string,
  query: URLSearchParams,
): WriteRequest {
  if (method === 'DELETE') return { kind: 'delete-manifest', ...target };
  const tags = query.getAll('tag').map((text) => {
    const reference = parseReference(text);
    if (reference.kind === 'tag') return reference.tag;
    throw new RegistryError('TAG_INVALID', `a digest is no tag: ${referenceText(reference)}`);
  });
  if (tags.length > MAX_TAGS) {
    // Section "Pushing Manifests" of the spec names the status.
    throw new RegistryError('TAG_INVALID', `more than ${MAX_TAGS} tags at once`, { status: 414 });
  }
  return { kind: 'put-manifest', ...target, tags };
}

function parseAlgorithm(text: string | null): DigestAlgorithm {
  if (text === null || text === 'sha256') return 'sha256';
  if (text === 'sha512') return 'sha512';
  throw new RegistryError('DIGEST_INVALID', `digests are sha256 or sha512, not ${JSON.stringify(text.slice(0, 50))}`);
}
