import { type Digest, type DigestAlgorithm, isDigest, parseDigest } from './digest.ts';
import { RegistryError } from './errors.ts';
import { parseReference, type Reference, referenceText } from './reference.ts';

/**
 * A parsed request that changes content.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push
 */
export type WriteRequest =
  | {
      readonly kind: 'start-upload';
      readonly repository: string;
      /** A blob to be mounted from another repository. Absent for an upload. */
      readonly mount: Digest | undefined;
      /** The repository to mount from. Absent: any that the client may pull from. */
      readonly from: string | undefined;
      /** Present when the body is the whole blob. */
      readonly digest: Digest | undefined;
      /** Algorithm of the blob's digest. */
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
      /** Further tags for the manifest. */
      readonly tags: readonly string[];
    }
  | { readonly kind: 'delete-manifest'; readonly repository: string; readonly reference: Reference };

/** An upload, as identified by its URL. */
export interface UploadReference {
  readonly id: string;
  /** State of the upload when the URL was sent to the client (`_state`). Absent when the client made up the URL. */
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

/** Whether a request of any kind is a {@link WriteRequest}. */
export function isWrite(request: { readonly kind: string }): request is WriteRequest {
  return WRITES.has(request.kind);
}

/** Per push of a manifest. */
const MAX_TAGS = 100;

/**
 * An invalid `mount` starts a plain upload, as in distribution: the client then sends the blob.
 *
 * @throws {RegistryError} `DIGEST_INVALID` for an invalid `digest` or `digest-algorithm`
 */
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

/** @throws {RegistryError} `DIGEST_INVALID` for a PUT without a valid digest */
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

/** @throws {RegistryError} `TAG_INVALID` for an invalid `tag` parameter, or for more than 100 of them */
export function toManifestWrite(
  target: { readonly repository: string; readonly reference: Reference },
  method: string,
  query: URLSearchParams,
): WriteRequest {
  if (method === 'DELETE') return { kind: 'delete-manifest', ...target };
  const tags = query.getAll('tag').map((text) => {
    const reference = parseReference(text);
    if (reference.kind === 'tag') return reference.tag;
    throw new RegistryError('TAG_INVALID', `not a tag but a digest: ${referenceText(reference)}`);
  });
  if (tags.length > MAX_TAGS) {
    // Section "Pushing Manifests" of the spec names the status.
    throw new RegistryError('TAG_INVALID', `more than ${MAX_TAGS} tags in one request`, { status: 414 });
  }
  return { kind: 'put-manifest', ...target, tags };
}

function parseAlgorithm(text: string | null): DigestAlgorithm {
  if (text === null || text === 'sha256') return 'sha256';
  if (text === 'sha512') return 'sha512';
  throw new RegistryError(
    'DIGEST_INVALID',
    `unknown digest algorithm ${JSON.stringify(text.slice(0, 50))} (use sha256 or sha512)`,
  );
}
