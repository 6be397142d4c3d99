import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { BlobStore } from '../content/blobs.ts';
import type { Digest } from '../oci/digest.ts';
import type { OpenBlobOptions, Upstream, UpstreamBlob } from '../upstream/upstream.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { RemoteBlob } from './blob-download.ts';
import type { FillTarget, StartedCommit } from './fill-target.ts';
import { storedBlob } from './stored-blob.ts';

/** The right of one replica to fetch a blob from the upstream. */
export interface FillLease {
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export type FillLeaseAttempt =
  | { readonly kind: 'held'; readonly lease: FillLease }
  | { readonly kind: 'taken'; readonly holder: { readonly address: string } }
  | { readonly kind: 'unavailable' };

export interface FillLeases {
  /** Never rejects. */
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

/** A lease is renewed three times in it. Another replica takes over that long after one died. Milliseconds. */
const LEASE_TTL_MS = 5_000;
const POLL_MS = 200;
const MAX_SILENT_TRIES = 10;
/** How long a replica waits for a holder that is alive, and neither reachable nor finished; then it fetches too. Milliseconds. */
const PATIENCE_MS = 15_000;

/**
 * Makes several replicas fetch a blob once. The replica with the lease fetches from the upstream; each other one runs its fill from that
 * replica's bytes. So every replica has the bytes received so far, and the one that takes over the lease requests only the rest from the
 * upstream. Each replica verifies the bytes and stores them under their digest: one that was paused and resumes without its lease does no
 * harm.
 */
export class FillSharing {
  readonly #options: FillSharingOptions;
  readonly #held = new Map<string, FillLease>();

  constructor(options: FillSharingOptions) {
    this.#options = options;
  }

  /** The same blob, fetched by the replica that has the lease. */
  share(blob: RemoteBlob, storeRepository: string): RemoteBlob {
    const { upstream, digest } = blob;
    const openBlob: Upstream['openBlob'] = (repository, _digest, options = {}) =>
      this.#open(storeRepository, digest, options, () => upstream.openBlob(repository, digest, options));
    const resolveBlob: Upstream['resolveBlob'] = (...request) => upstream.resolveBlob(...request);
    return { ...blob, upstream: { name: upstream.name, openBlob, resolveBlob } };
  }

  /** The same storage; one replica writes a blob to it. */
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
      // A client that waits for its first byte does not wait for Redis; one that has received some can, for a short time.
      const isPatient = start > 0 && tries < MAX_SILENT_TRIES;
      if ((holder === 'unknown' && !isPatient) || Date.now() > until) return openUpstream();
      const blob =
        holder === 'unknown' ? undefined : await this.#fromPeer(holder, { repository, digest, start, signal });
      if (blob) return blob;
      await sleep(POLL_MS, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
    }
  }

  /** @returns undefined when the holder is dead, or does not fill the blob any more */
  async #fromPeer(
    { address }: { readonly address: string },
    { signal, ...request }: { repository: string; digest: Digest; start: number; signal: AbortSignal | undefined },
  ): Promise<UpstreamBlob | undefined> {
    try {
      return await this.#options.peer.open({ address, ...request, ...(signal && { signal }) });
    } catch (err) {
      if (err instanceof UpstreamError) return undefined;
      throw err;
    }
  }

  /** @returns undefined when this replica has the lease */
  async #acquire(repository: string, digest: Digest): Promise<{ address: string } | 'unknown' | undefined> {
    const name = nameOf(repository, digest);
    if (this.#isHeld(name)) return undefined;
    const attempt = await this.#options.leases.acquire(name, LEASE_TTL_MS);
    if (attempt.kind === 'unavailable') return 'unknown';
    if (attempt.kind === 'taken') return { address: attempt.holder.address };
    this.#held.set(name, attempt.lease);
    return undefined;
  }

  /** The holder may have finished during the wait. */
  async #fromStorage(repository: string, digest: Digest, start: number): Promise<UpstreamBlob | undefined> {
    const source = await this.#options.blobs.open(repository, digest);
    if (!source) return undefined;
    return storedBlob(source, start);
  }

  /** Waits until the replica with the lease has stored the blob; takes over when it does not. */
  async #isStoredByAnother(repository: string, digest: Digest): Promise<boolean> {
    if (this.#isHeld(nameOf(repository, digest))) return false;
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const holder = await this.#acquire(repository, digest);
      if ((await this.#options.blobs.stat(repository, digest)) !== undefined) return true;
      if (holder === undefined || holder === 'unknown' || Date.now() > until) return false;
      await sleep(POLL_MS);
    }
  }

  #isHeld(name: string): boolean {
    return this.#held.get(name)?.lost.aborted === false;
  }

  #holdsAny(digest: Digest): boolean {
    return [...this.#held.keys()].some((name) => name.endsWith(digest) && this.#isHeld(name));
  }
}

function nameOf(repository: string, digest: Digest): string {
  return `fill:${repository}@${digest}`;
}

async function dismiss(localFile: string, started: StartedCommit | undefined): Promise<void> {
  await started?.abort();
  await rm(localFile, { force: true });
}
