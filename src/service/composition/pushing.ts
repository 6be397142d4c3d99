import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import { UploadPurging } from '../../content/upload-purging.ts';
import { UploadStore } from '../../content/uploads.ts';
import type { Digest } from '../../oci/digest.ts';
import { createPeerSecret } from '../../redis/peer-secret.ts';
import { limitUploads } from '../../filters/limit-uploads.ts';
import { refuseContent, refuseHeld } from '../../filters/refuse-content.ts';
import { readOnly } from '../../filters/read-only.ts';
import { HostedRegistry } from '../../hosted/hosted-registry.ts';
import type { HeldContent } from '../../registry/held-content.ts';
import type { ContentRefusals } from '../../registry/refusals.ts';
import type { Registry } from '../../registry/registry.ts';
import { createUploadSecrets, type UploadSecrets } from '../../hosted/upload-secrets.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Admitting } from './admitting.ts';
import type { Stored } from './stored.ts';

export interface Hosted {
  /** As clients use it: within limits, read-only where the storage is. */
  readonly registry: Registry;
  /** Its content in memory. */
  readonly held: HeldContent;
  /** Reads stored content, whichever registry it belongs to. */
  readonly stored: HostedRegistry;
  /** Those of its uploads. */
  readonly secrets: UploadSecrets;
  close(): Promise<void>;
}

/** The registry of stored content. */
export function createHosted(
  config: Config,
  parts: Omit<Stored, 'buffers'> & {
    readonly telemetry: Telemetry;
    readonly clock: Clock;
    readonly refusals: ContentRefusals;
    /** Absent without rules. */
    readonly admitting: Admitting | undefined;
  },
): Hosted {
  const { http, push, storage } = config;
  const { driver, store, content, redis, usage, telemetry, clock, refusals, admitting } = parts;
  if (http.secret === undefined && !redis && acceptsPushes(config)) {
    telemetry.log.info({}, 'http.secret is not set: interrupted uploads resume only on this process');
  }
  const holders = async (digest: Digest, limit: number) =>
    (await usage.index.holders(digest, { limit })).map(({ repository }) => repository);
  const secrets = createUploadSecrets({ configured: http.secret, shared: redis && createPeerSecret(redis) });
  const stored = new HostedRegistry({
    store,
    content,
    uploads: new UploadStore(driver, (repository, digest, staged) => store.blobs.publish(repository, digest, staged)),
    policy: push,
    secrets,
    holders,
    now: clock.now,
  });
  const limited = storage.readOnly ? readOnly(stored) : limitUploads(stored, http.limits.maxBlobBytes);
  const admitted = admitting?.admitMounts(limited) ?? limited;
  const registry = refuseContent(admitted, refusals);
  return { registry, held: refuseHeld(stored.held, refusals), stored, secrets, close: () => stored.close() };
}

/** Whether there are names that clients can push to. Pushes that are forwarded to an upstream have sessions too. */
function acceptsPushes({ storage, proxy }: Config): boolean {
  if (proxy?.upstreams.some(({ passthrough }) => passthrough)) return true;
  return !storage.readOnly && (proxy === undefined || proxy.hosted.length > 0);
}

/** Removes abandoned uploads; absent when they are kept. */
export function createUploadPurging(
  { storage }: Config,
  { driver, telemetry, clock }: { driver: StorageDriver; telemetry: Telemetry; clock: Clock },
): UploadPurging | undefined {
  if (!storage.uploadPurging || storage.readOnly) return undefined;
  const { housekeeping, log } = telemetry;
  return new UploadPurging({
    ...storage.uploadPurging,
    driver,
    clock,
    onPurged: ({ uploads, dryRun }) =>
      log.info({ uploads, dryrun: dryRun }, dryRun ? 'abandoned uploads found' : 'abandoned uploads removed'),
    onFailed: (error) => housekeeping.housekeepingFailed({ task: 'uploadpurging', error }),
  });
}
