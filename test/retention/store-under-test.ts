import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { SYSTEM_CLOCK } from '../../src/clock/clock.ts';
import { createContentStore } from '../../src/content/content-store.ts';
import { createManifestReader } from '../../src/content/manifest-files.ts';
import { UnrecordedLinks } from '../../src/content/unrecorded-links.ts';
import { Housekeeping, type HousekeepingEvents, type HousekeepingPolicy } from '../../src/retention/housekeeping.ts';
import { LmdbIndex } from '../../src/usage/lmdb-index.ts';
import { ManifestParts } from '../../src/usage/manifest-parts.ts';
import { PinBackup } from '../../src/retention/pin-backup.ts';
import { loadSchedulerState } from '../../src/retention/scheduler-state.ts';
import { UnprefixedOwner } from '../../src/retention/unprefixed-owner.ts';
import { UsageRecorder } from '../../src/usage/usage-recorder.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { createFilesystemDriver } from '../../src/storage/filesystem/filesystem.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const DEFAULTS: HousekeepingPolicy = {
  ttlMs: 0,
  graceMs: 0,
  quota: undefined,
  backgroundAgeMs: 86_400_000,
  pins: [],
  isHosted: () => false,
  unprefixed: undefined,
  sweepsUnreferenced: true,
  scrub: { rate: 1e9, intervalMs: 0 },
};

/** A real store on a real directory, with housekeeping, and a clock that the test sets. */
export async function storeUnderTest(policy: Partial<HousekeepingPolicy> = {}) {
  const directory = await temporaryDirectory();
  const clock = { now: 1_700_000_000_000 };
  const filling = new Set<Digest>();
  const reported: string[] = [];
  const root = join(directory.path, 'data');
  const driver = await createFilesystemDriver({ rootDirectory: root, buffers: new BufferPool() });
  const index = await LmdbIndex.open({ directory: join(root, 'layover/index') });
  const settable = { ...SYSTEM_CLOCK, now: () => clock.now };
  const parts = new ManifestParts(
    index,
    createManifestReader(driver, () => {}),
  );
  const onError = (error: unknown) => void reported.push(`failed: ${String(error)}`);
  const recorder = new UsageRecorder({
    index,
    parts,
    flushMs: 1e9,
    granularityMs: 0,
    backgroundAgeMs: 86_400_000,
    clock: settable,
    onError,
  });
  const store = createContentStore({ driver, onDamage: () => {}, ledger: recorder });
  const housekeeping = new Housekeeping({
    index,
    recorder,
    parts,
    store,
    notes: new UnrecordedLinks(driver),
    policy: { ...DEFAULTS, ...policy },
    isFilling: (digest) => filling.has(digest),
    onForgotten: () => {},
    loadSchedulerState: () => loadSchedulerState(driver),
    pinBackup: new PinBackup(driver),
    unprefixedOwner: new UnprefixedOwner(driver),
    events: reportEvents(reported),
    clock: settable,
  });
  const putBlob = async (repository: string, bytes: Buffer): Promise<Digest> => {
    const digest = digestOf(bytes);
    const file = join(directory.path, `blob-${Math.random()}`);
    await mkdir(directory.path, { recursive: true });
    await writeFile(file, bytes);
    await store.blobs.commit(repository, digest, file);
    return digest;
  };
  return {
    ...{ root, clock, filling, reported, driver, index, parts, recorder, store, housekeeping, putBlob },
    /** Stores a tagged image with these layers, a minute after the previous one. */
    async putImage(repository: string, tag: string, layers: readonly Buffer[]) {
      clock.now += 60_000;
      const digests = [];
      for (const bytes of layers) digests.push(await putBlob(repository, bytes));
      const config = await putBlob(repository, Buffer.from(JSON.stringify({ repository, tag })));
      const describe = (digest: Digest, size: number) => ({ mediaType: 'application/octet-stream', digest, size });
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          config: describe(config, 1),
          layers: digests.map((digest, i) => describe(digest, layers[i]?.length ?? 0)),
        }),
      );
      const digest = digestOf(manifest);
      await store.manifests.put(repository, digest, manifest);
      await store.tags.put(repository, tag, digest);
      return { digest, config, layers: digests, all: [digest, config, ...digests] };
    },
    async stored(digests: readonly Digest[]): Promise<Digest[]> {
      const sizes = await Promise.all(digests.map((digest) => store.bytes.size(digest)));
      return digests.filter((_, i) => sizes[i] !== undefined);
    },
    async [Symbol.asyncDispose]() {
      await housekeeping.stop();
      await index.close();
      await driver.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function reportEvents(reported: string[]): HousekeepingEvents {
  return {
    contentRemoved: ({ reason, kind }) => void reported.push(`${reason} ${kind}`),
    quotaEnforced: ({ missing }) => void reported.push(missing > 0 ? 'quota missed' : 'quota enforced'),
    storeSize: () => {},
    ledHousekeeping: () => {},
    pushedBeforePinned: ({ repositories }) => void reported.push(`pinned ${repositories.join(', ')}`),
    indexRebuilt: () => void reported.push('rebuilt'),
    housekeepingFailed: ({ task, error }) => void reported.push(`failed: ${task}: ${String(error)}`),
    scrubStarted: () => {},
    scrubbed: () => {},
    quarantined: ({ digest }) => void reported.push(`quarantined ${digest}`),
    unreadable: ({ digest }) => void reported.push(`unreadable ${digest}`),
    scrubFinished: () => {},
  };
}
