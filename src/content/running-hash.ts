import { createHash, type Hash } from 'node:crypto';
import { createSHA256, createSHA512, type IHasher } from 'hash-wasm';

import { type Digest, type DigestAlgorithm, digestFromHash } from '../oci/digest.ts';

/** The hash of bytes of which more may come. */
export interface RunningHash {
  readonly algorithm: DigestAlgorithm;
  update(bytes: Uint8Array): void;
  /** Of the bytes so far. */
  digest(): Digest;
  /** What {@link restoreHash} makes it from again; undefined when this kind of hash cannot be written down. */
  save(): string | undefined;
}

/** OpenSSL's, which is several times faster and keeps its state to itself. */
export function createNativeHash(algorithm: DigestAlgorithm): RunningHash {
  return new NativeHash(algorithm);
}

/** Its state can be written down, and another process goes on from there. */
export async function createPortableHash(algorithm: DigestAlgorithm): Promise<RunningHash> {
  return new PortableHash(algorithm, (await createHasher(algorithm)).init(), await createHasher(algorithm));
}

/** @returns undefined when the text is not such a state */
export async function restoreHash(algorithm: DigestAlgorithm, saved: string): Promise<RunningHash | undefined> {
  const hasher = await createHasher(algorithm);
  try {
    hasher.load(Buffer.from(saved, 'base64'));
  } catch {
    return undefined; // written by a version that had another form of it
  }
  return new PortableHash(algorithm, hasher, await createHasher(algorithm));
}

class NativeHash implements RunningHash {
  readonly algorithm: DigestAlgorithm;
  readonly #hash: Hash;

  constructor(algorithm: DigestAlgorithm) {
    this.algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): Digest {
    return digestFromHash(this.#hash.copy(), this.algorithm);
  }

  save(): undefined {
    return undefined;
  }
}

class PortableHash implements RunningHash {
  readonly algorithm: DigestAlgorithm;
  readonly #hasher: IHasher;
  /** Ends a copy of the state, as the original has to go on. */
  readonly #scratch: IHasher;

  constructor(algorithm: DigestAlgorithm, hasher: IHasher, scratch: IHasher) {
    this.algorithm = algorithm;
    this.#hasher = hasher;
    this.#scratch = scratch;
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  digest(): Digest {
    return `${this.algorithm}:${this.#scratch.load(this.#hasher.save()).digest('hex')}` as Digest;
  }

  save(): string {
    return Buffer.from(this.#hasher.save()).toString('base64');
  }
}

function createHasher(algorithm: DigestAlgorithm): Promise<IHasher> {
  return algorithm === 'sha256' ? createSHA256() : createSHA512();
}
