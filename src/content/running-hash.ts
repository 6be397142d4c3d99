import { createHash, type Hash } from 'node:crypto';
import type { IHasher } from 'hash-wasm';

import { type Digest, type DigestAlgorithm, digestFromHash } from '../oci/digest.ts';

/** A hash of bytes that more bytes can be added to. */
export interface RunningHash {
  readonly algorithm: DigestAlgorithm;
  update(bytes: Uint8Array): void;
  /** Of the bytes so far. */
  digest(): Digest;
  /** Input for {@link restoreHash}. Undefined when the state of this kind of hash cannot be saved. */
  save(): string | undefined;
}

/** OpenSSL's hash: several times faster, and its state cannot be saved. */
export function createNativeHash(algorithm: DigestAlgorithm): RunningHash {
  return new NativeHash(algorithm);
}

/** A hash whose state can be saved, so that another process can continue. */
export async function createPortableHash(algorithm: DigestAlgorithm): Promise<RunningHash> {
  return new PortableHash(algorithm, (await createHasher(algorithm)).init(), await createHasher(algorithm));
}

/** @returns undefined when the text is not such a state */
export async function restoreHash(algorithm: DigestAlgorithm, saved: string): Promise<RunningHash | undefined> {
  const hasher = await createHasher(algorithm);
  try {
    hasher.load(Buffer.from(saved, 'base64'));
  } catch {
    return undefined; // saved by a version with another format
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
  /** Finishes a copy of the state, because the original must continue. */
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

/** Loads the package (9 MB), which a service without pushes does not need. */
async function createHasher(algorithm: DigestAlgorithm): Promise<IHasher> {
  const { createSHA256, createSHA512 } = await import('hash-wasm');
  return algorithm === 'sha256' ? createSHA256() : createSHA512();
}
