import type { ContentStore } from '../../content/content-store.ts';
import type { PeerAccess } from '../../http/peers/peer-fills.ts';
import { Leases } from '../../redis/lease.ts';
import { createPeerSecret } from '../../redis/peer-secret.ts';
import type { Redis } from '../../redis/redis.ts';
import type { Fills } from '../../fills/fills.ts';
import { FillSharing } from '../../fills/fill-sharing.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { createPeerClient, PEER_HEADER, PEER_PATH } from '../../upstream/peer-client.ts';

export interface ReplicaParts {
  readonly redis: Redis | undefined;
  readonly store: Pick<ContentStore, 'blobs'>;
  readonly telemetry: Telemetry;
}

/** Shares fills among processes with the same storage and Redis; undefined when this one is a single instance. */
export function createReplicas(advertise: string | undefined, { redis, store, telemetry }: ReplicaParts) {
  if (!redis || advertise === undefined) {
    const missing = redis ? 'proxy.fills.advertise' : 'redis';
    if (redis || advertise !== undefined) telemetry.log.info({ missing }, 'fills are not shared with replicas');
    else telemetry.log.debug({}, 'no Redis configured: single instance');
    return undefined;
  }
  const secret = createPeerSecret(redis);
  const peer = createPeerClient(secret);
  const leases = new Leases({ redis, address: advertise });
  return { secret, sharing: new FillSharing({ leases, peer, blobs: store.blobs }), close: () => peer.close() };
}

/** Serves fills and stored blobs to other replicas. */
export function createPeerAccess(
  secret: PeerAccess['secret'],
  { fills, store }: { fills: Fills; store: Pick<ContentStore, 'blobs'> },
): PeerAccess {
  return {
    path: PEER_PATH,
    header: PEER_HEADER,
    secret,
    openBlob: async (repository, digest) =>
      (await fills.follow(repository, digest)) ?? (await store.blobs.open(repository, digest)),
  };
}
