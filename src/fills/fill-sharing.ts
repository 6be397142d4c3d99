import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { BlobStore } from '../content/blobs.ts';
import type { Digest } from '../oci/digest.ts';
import type { OpenBlobOptions, Upstream, UpstreamBlob } from '../upstream/upstream.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { RemoteBlob } from './blob-download.ts';
import type { FillTarget, StartedCommit } from './fill-target.ts';
import { storedBlob } from './stored-blob.ts';

/** The right to fetch a blob from upstream, among replicas. */
export interface FillLease {
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export type FillLeaseAttempt =
  | { readonly kind: 'held'; readonly lease: FillLease }
  | { readonly kind: 'taken'; readonly holder: { readonly address: string } }
  | { readonly kind: 'unavailable' };

export interface FillLeases {
  /** Never throws. */
  acquire(name: string, ttlMs: number): Promise<FillLeaseAttempt>;
}

export interface FillPeer {
  /** @throws {UpstreamError} */
  open(request: {
    readonly address: string;
    readonly repository: string;
    readonly digest: string;
    readonly start: number;
    readonly signal?: AbortSignal;
  }): Promise<UpstreamBlob>;
}

export interface FillSharingOptions {
  readonly leases: FillLeases;
  readonly peer: FillPeer;
  readonly blobs: Pick<BlobStore, 'open' | 'stat'>;
}

/** Renewed three times in it; a replica that died is followed by another after as long. Milliseconds. */
const LEASE_TTL_MS = 5_000;
const POLL_MS = 200;
const MAX_SILENT_TRIES = 10;
/** A holder that lives and can neither be reached nor comes to an end: we go upstream beside it. Milliseconds. */
const PATIENCE_MS = 15_000;

/**
 * Makes the fills of several replicas one. The replica with the lease fetches from upstream; the others run a fill of their
 * own, which has its bytes from that replica's. So every replica keeps what has come, and whichever takes the lease over asks the
 * upstream only for the rest. Bytes are verified by each replica for itself, and stored under their digest: a replica that
 * was paused and wakes up without its lease can do no harm.
 */
export class FillSharing {
  readonly #options: FillSharingOptions;
  readonly #held = new Map<string, FillLease>();

  constructor(options: FillSharingOptions) {
    this.#options = options;
  }

  /** The same blob, fetched by whichever replica has the lease. */
  share(blob: RemoteBlob, storeRepository: string): RemoteBlob {
    const { upstream, digest } = blob;
    const openBlob: Upstream['openBlob'] = (repository, _digest, options = {}) =>
      this.#open(storeRepository, digest, options, () => upstream.openBlob(repository, digest, options));
    const resolveBlob: Upstream['resolveBlob'] = (...request) => upstream.resolveBlob(...request);
    return { ...blob, upstream: { name: upstream.name, openBlob, resolveBlob } };
  }

  /** The same storage, to which only one replica writes a blob. */
  target({ blobs, bytes }: FillTarget): FillTarget {
    return {
      blobs: {
        link: (repository, digest) => blobs.link(repository, digest),
        commit: async (repository, digest, localFile, started) => {
          if (await this.#isStoredByAnother(repository, digest)) await dismiss(localFile, started);
          else await blobs.commit(repository, digest, localFile, started);
        },
      },
      bytes: {
        open: (digest) => bytes.open(digest),
        startCommit: (digest, localFile, options) =>
          this.#holdsAny(digest) ? bytes.startCommit?.(digest, localFile, options) : undefined,
      },
    };
  }

  /** The fill has ended. */
  async release(storeRepository: string, digest: Digest): Promise<void> {
    const name = nameOf(storeRepository, digest);
    const lease = this.#held.get(name);
    this.#held.delete(name);
    await lease?.release();
  }

  async #open(
    repository: string,
    digest: Digest,
    { start = 0, signal }: OpenBlobOptions,
    openUpstream: () => Promise<UpstreamBlob>,
  ): Promise<UpstreamBlob> {
    const until = Date.now() + PATIENCE_MS;
    for (let tries = 1; ; tries++) {
      const holder = await this.#acquire(repository, digest);
      if (holder === undefined) return (await this.#fromStorage(repository, digest, start)) ?? openUpstream();
      // A client that waits for its first byte does not wait for Redis; one that has some can, a little.
      const isPatient = start > 0 && tries < MAX_SILENT_TRIES;
      if ((holder === 'nobody knows' && !isPatient) || Date.now() > until) return openUpstream();
      const blob =
        holder === 'nobody knows' ? undefined : await this.#fromPeer(holder, { repository, digest, start, signal });
      if (blob) return blob;
      await sleep(POLL_MS, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
    }
  }

  /** Undefined when the holder is dead, or does not fill it any more. */
  async #fromPeer(
    { address }: { readonly address: string },
    { signal, ...what }: { repository: string; digest: Digest; start: number; signal: AbortSignal | undefined },
  ): Promise<UpstreamBlob | undefined> {
    try {
      return await this.#options.peer.open({ address, ...what, ...(signal && { signal }) });
    } catch (err) {
      if (err instanceof UpstreamError) return undefined;
      throw err;
    }
  }

  /** @returns undefined when the lease is ours */
  async #acquire(repository: string, digest: Digest): Promise<{ address: string } | 'nobody knows' | undefined> {
    const name = nameOf(repository, digest);
    if (this.#isOurs(name)) return undefined;
    const attempt = await this.#options.leases.acquire(name, LEASE_TTL_MS);
    if (attempt.kind === 'unavailable') return 'nobody knows';
    if (attempt.kind === 'taken') return { address: attempt.holder.address };
    this.#held.set(name, attempt.lease);
    return undefined;
  }

  /** The holder before us may have come to its end while we waited. */
  async #fromStorage(repository: string, digest: Digest, start: number): Promise<UpstreamBlob | undefined> {
    const source = await this.#options.blobs.open(repository, digest);
    if (!source) return undefined;
    return storedBlob(source, start);
  }

  /** Waits for the one who has the lease to store the blob; takes over when it does not. */
  async #isStoredByAnother(repository: string, digest: Digest): Promise<boolean> {
    if (this.#isOurs(nameOf(repository, digest))) return false;
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const holder = await this.#acquire(repository, digest);
      if ((await this.#options.blobs.stat(repository, digest)) !== undefined) return true;
      if (holder === undefined || holder === 'nobody knows' || Date.now() > until) return false;
      await sleep(POLL_MS);
    }
  }

  #isOurs(name: string): boolean {
    return this.#held.get(name)?.lost.aborted === false;
  }

  #holdsAny(digest: Digest): boolean {
    return [...this.#held.keys()].some((name) => name.endsWith(digest) && this.#isOurs(name));
  }
}

function nameOf(repository: string, digest: Digest): string {
  return `fill:${repository}@${digest}`;
}

async function dismiss(localFile: string, started: StartedCommit | undefined): Promise<void> {
  await started?.abort();
  await rm(localFile, { force: true });
}
