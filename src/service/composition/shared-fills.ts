import { FillSharing } from '../../fills/fill-sharing.ts';
import type { ContentStore } from '../../content/content-store.ts';
import type { Fills } from '../../fills/fills.ts';
import type { PeerAccess } from '../../http/peers/peer-fills.ts';
import { Leases } from '../../redis/lease.ts';
import { createPeerSecret } from '../../redis/peer-secret.ts';
import type { Redis } from '../../redis/redis.ts';
import { createPeerClient, PEER_HEADER, PEER_PATH } from '../../upstream/peer-client.ts';

export interface SharedFillsOptions {
  /** URL at which other replicas reach this one. */
  readonly advertise: string;
  readonly redis: Redis;
  readonly store: Pick<ContentStore, 'blobs'>;
}

/** Shares fills with the other replicas, in both directions. */
export function shareFills({ advertise, redis, store }: SharedFillsOptions) {
  const secret = createPeerSecret(redis);
  const peer = createPeerClient(secret);
  const leases = new Leases({ redis, address: advertise });
  return {
    sharing: new FillSharing({ leases, peer, blobs: store.blobs }),
    /** Serves fills and stored blobs to other replicas. */
    accessTo: (fills: Fills): PeerAccess => ({
      path: PEER_PATH,
      header: PEER_HEADER,
      secret,
      openBlob: async (repository, digest) =>
        (await fills.follow(repository, digest)) ?? (await store.blobs.open(repository, digest)),
    }),
    close: () => peer.close(),
  };
}
