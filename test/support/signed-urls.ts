import { createHmac, randomBytes } from 'node:crypto';

import { type Digest, digestAlgorithm, digestHex, isDigest } from '../../src/oci/digest.ts';

/** Makes and checks the expiring URLs of a CDN. */
export class SignedUrls {
  /** From the redirect on. */
  lifetimeMs = 60_000;
  #key = randomBytes(32);

  /** Path and query for a blob of a repository. */
  sign(repository: string, digest: Digest): string {
    const hex = digestHex(digest);
    const path = `/registry-v2/docker/registry/v2/blobs/${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/data`;
    const query = new URLSearchParams({ repository, expires: String(Date.now() + this.lifetimeMs) });
    query.set('signature', this.#signature(path, query));
    return `${path}?${query.toString()}`;
  }

  /** Undefined: not signed by us, or expired. */
  check(path: string, query: URLSearchParams): { repository: string; digest: Digest } | undefined {
    const signature = query.get('signature');
    const unsigned = new URLSearchParams([...query].filter(([name]) => name !== 'signature'));
    if (signature !== this.#signature(path, unsigned) || Number(query.get('expires')) <= Date.now()) return undefined;
    const digest = digestInPath(path);
    return digest && { repository: query.get('repository') ?? '', digest };
  }

  /** Every URL signed so far is refused from now on. */
  expireAll(): void {
    this.#key = randomBytes(32);
  }

  #signature(path: string, query: URLSearchParams): string {
    return createHmac('sha256', this.#key).update(`${path}?${query.toString()}`).digest('hex');
  }
}

/** The digest of the blob that a path of this CDN names. */
export function digestInPath(path: string): Digest | undefined {
  const [, algorithm, hex] = /\/blobs\/(\w+)\/..\/(\w+)\/data$/.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}
