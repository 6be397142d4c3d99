import type { Digest, DigestAlgorithm } from '../oci/digest.ts';
import type { StagedFile } from '../storage/staging.ts';
import { createNativeHash, createPortableHash, restoreHash, type RunningHash } from './running-hash.ts';
import type { HashedPrefix, UploadRecord } from './upload-record.ts';

/** Sessions whose hash is kept in memory, with about 500 bytes each. */
const MAX_LIVE = 1000;

interface LiveHash {
  readonly hash: RunningHash;
  readonly version: string;
  readonly size: number;
}

export interface HashOptions {
  readonly algorithm: DigestAlgorithm;
  readonly record: UploadRecord | undefined;
  /** A state that can be saved is worth more than speed. */
  readonly isPortable: boolean;
}

/**
 * The hash of an upload session's bytes, ready to continue: from memory, from the saved state, or, with neither, by reading the bytes that
 * are not hashed yet.
 */
export class UploadHashes {
  readonly #live = new Map<string, LiveHash>();

  /** The caller returns the hash with {@link keep} when all hashed bytes were kept; otherwise it is lost. */
  async take(key: string, staged: StagedFile, options: HashOptions): Promise<RunningHash> {
    const live = this.#live.get(key);
    this.#live.delete(key);
    const usable = this.#usable(live, staged, options);
    const found = (await restored(staged, options, usable?.size)) ?? usable ?? (await started(staged, options));
    if (found.size < staged.size) for await (const chunk of staged.read(found.size)) found.hash.update(chunk);
    return found.hash;
  }

  /** The algorithm in which this process has hashed the whole session. Undefined when it has not. */
  algorithmOf(key: string, staged: StagedFile): DigestAlgorithm | undefined {
    const live = this.#live.get(key);
    return live?.version === staged.version && live.size === staged.size ? live.hash.algorithm : undefined;
  }

  /** @param staged with its new version */
  keep(key: string, hash: RunningHash, { version, size }: Pick<StagedFile, 'version' | 'size'>): HashedPrefix {
    const [oldest] = this.#live.keys();
    if (this.#live.size >= MAX_LIVE && oldest !== undefined) this.#live.delete(oldest);
    this.#live.set(key, { hash, version, size });
    return { version, size, digest: hash.digest(), state: hash.save() };
  }

  forget(key: string): void {
    this.#live.delete(key);
  }

  #usable(live: LiveHash | undefined, staged: StagedFile, { algorithm }: HashOptions): LiveHash | undefined {
    const isPrefix = live?.hash.algorithm === algorithm && staged.startsWith(live.version);
    return isPrefix ? live : undefined;
  }
}

/** The digest of the whole session. Undefined when the record does not have it. */
export function digestOnRecord(
  staged: StagedFile,
  { algorithm, record }: Pick<HashOptions, 'algorithm' | 'record'>,
): Digest | undefined {
  const { hashed } = record ?? {};
  if (record?.algorithm !== algorithm || hashed === undefined) return undefined;
  return hashed.version === staged.version && hashed.size === staged.size ? hashed.digest : undefined;
}

/** @param known bytes that are hashed already */
async function restored(
  staged: StagedFile,
  { algorithm, record }: HashOptions,
  known = 0,
): Promise<LiveHash | undefined> {
  const { hashed } = record ?? {};
  if (record?.algorithm !== algorithm || hashed?.state === undefined) return undefined;
  if (hashed.size <= known || hashed.size > staged.size || !staged.startsWith(hashed.version)) return undefined;
  const hash = await restoreHash(algorithm, hashed.state);
  return hash?.digest() === hashed.digest ? { hash, version: hashed.version, size: hashed.size } : undefined;
}

async function started({ size, version }: StagedFile, { algorithm, isPortable }: HashOptions): Promise<LiveHash> {
  // Bytes that exist already are read again, and native hashing is faster.
  const hash = isPortable && size === 0 ? await createPortableHash(algorithm) : createNativeHash(algorithm);
  return { hash, version, size: 0 };
}
