import { type Digest, digestAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { CallOptions, RegistryWriter, UploadSession } from '../registry/registry.ts';
import { retrying } from '../retry/retry-loop.ts';
import { isTemporary, pushDelayMs } from './push-retries.ts';

export interface BlobToPush {
  /** Where it goes. */
  readonly repository: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /**
   * The bytes from `start` to the end; called again for those that the registry did not receive. When it fails, the push fails with the
   * same error, and the upload is cancelled.
   */
  readonly open: (start: number) => AsyncIterable<Uint8Array>;
  /** Whether its chunks stay valid when the next one is requested. @default false */
  readonly areChunksStable?: boolean;
  /** A repository of the same registry that has it, so that it need not be sent. */
  readonly mountFrom?: string | undefined;
}

/** The state of one push, from attempt to attempt. */
interface Push {
  readonly uploads: RegistryWriter['uploads'];
  readonly blob: BlobToPush;
  readonly options: CallOptions;
  session?: UploadSession | undefined;
  /** Reading the blob failed; a retry would not help. */
  sourceFailure?: SourceFailure;
}

class SourceFailure extends Error {
  override readonly name = 'SourceFailure';
}

/**
 * Makes a blob part of a repository: mounts it or sends it. An upload that breaks is resumed from where the registry has it, or started
 * again, up to four times.
 *
 * @throws {RegistryError} as `UploadWriter`, and what reading the blob failed with
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
 */
export async function pushBlob(
  registry: Pick<RegistryWriter, 'uploads'>,
  blob: BlobToPush,
  options: CallOptions = {},
): Promise<'mounted' | 'sent'> {
  const { signal } = options;
  const push: Push = { uploads: registry.uploads, blob, options };
  const delayMs = (err: unknown, retry: number) => (signal?.aborted ? undefined : retryDelayMs(err, retry, push));
  try {
    return await retrying({ delayMs, signal }, async (retry) => {
      if (retry > 0 && push.session) push.session = await findSession(push, push.session);
      return attempt(push).catch((err: unknown) => {
        throw push.sourceFailure ?? err;
      });
    });
  } catch (err) {
    if (push.session && !signal?.aborted) await cancel(push, push.session);
    signal?.throwIfAborted();
    throw err instanceof SourceFailure ? err.cause : err;
  }
}

async function attempt(push: Push): Promise<'mounted' | 'sent'> {
  const { uploads, blob, options } = push;
  const { repository, digest, size, mountFrom } = blob;
  if (!push.session) {
    const source = { from: mountFrom, mayPull: () => true, size };
    if (mountFrom !== undefined && (await uploads.mount(repository, digest, source, options))) return 'mounted';
    push.session = await uploads.start(repository, digestAlgorithm(digest), options);
  }
  const { size: offset } = push.session;
  if (offset < size) {
    const { areChunksStable = false } = blob;
    const body = { bytes: noting(blob.open(offset), push), areChunksStable, offset, length: size - offset };
    push.session = await uploads.append(repository, push.session, body, options);
  }
  const nothing = { bytes: noBytes(), offset: undefined, length: 0 };
  await uploads.finish(repository, push.session, { ...nothing, digest }, options);
  return 'sent';
}

/** @returns undefined when the upload has to start again */
async function findSession(
  { uploads, blob, options }: Push,
  session: UploadSession,
): Promise<UploadSession | undefined> {
  try {
    const found = await uploads.find(blob.repository, session, options);
    return found.size === 0 || found.size > blob.size ? undefined : found;
  } catch (err) {
    if (err instanceof RegistryError && !isTemporary(err)) return undefined;
    throw err;
  }
}

/** The registry forgets uploads after some days, so a failure changes nothing. */
async function cancel({ uploads, blob, options }: Push, session: UploadSession): Promise<void> {
  await uploads.cancel(blob.repository, session, options).catch(() => undefined);
}

/** @returns milliseconds; undefined when it is time to give up */
function retryDelayMs(err: unknown, retry: number, { session }: Push): number | undefined {
  if (!(err instanceof RegistryError)) return undefined;
  // A token can expire while a blob is sent; the session is found with a new one, or refused.
  const isExpired = err.code === 'UNAUTHORIZED' && session !== undefined && retry === 0;
  return isTemporary(err) || isExpired ? pushDelayMs(err, retry) : undefined;
}

/**
 * Keeps the reason when reading fails, as the connection only reports that it broke. A consumer that is destroyed with the failure of the
 * connection is not a failure to read.
 */
async function* noting(chunks: AsyncIterable<Uint8Array>, push: Push): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await readNext(iterator, push);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function readNext(iterator: AsyncIterator<Uint8Array>, push: Push): Promise<IteratorResult<Uint8Array>> {
  try {
    return await iterator.next();
  } catch (reason) {
    push.sourceFailure = new SourceFailure('the blob cannot be read', { cause: reason });
    throw reason;
  }
}

async function* noBytes(): AsyncGenerator<Uint8Array> {
  // A blob is finished after its bytes have been sent.
}
