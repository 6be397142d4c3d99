import { describe, expect, it } from 'vitest';

import { CollectionRunningError } from '../../../src/content/garbage/collection-result.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { RegistryError } from '../../../src/oci/errors.ts';
import { createInmemoryDriver } from '../../../src/storage/inmemory/inmemory.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createReplica, type Image, imageOf, layer, openReplica, type Replica } from './content-model.ts';
import { slowStorage } from './slow-storage.ts';

const LAYERS = Array.from({ length: 6 }, (_, i) => layer(`stress ${i}`));
const REPOSITORIES = ['a', 'b', 'c/d'];
const IMAGES = Array.from({ length: 12 }, (_, i) =>
  imageOf(
    `stress ${i}`,
    [LAYERS[i % 6], LAYERS[(i * 5 + 1) % 6]].filter((found) => found !== undefined),
  ),
);
/** Of each writer. On a disk, most of the time goes to the disk, and few orders of calls are seen. */
const STEPS = { disk: 40, memory: 120 };
/** So short that collections find old links, and longer than a push: it and a scan take their turns of one event loop. */
const MEMORY_TIMES = { noticeMs: 5, graceMs: 60 };

/** A repeatable order of events, as far as they are chosen and not raced. mulberry32. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Each writer has separate tags, so that the last confirmed state must exist in the end. */
class Writer {
  readonly #replica: Replica;
  readonly #name: string;
  readonly #random: (below: number) => number;
  /** `repository:tag` → the digest that a response confirmed. */
  readonly promised = new Map<string, { readonly repository: string; readonly tag: string; readonly image: Image }>();

  constructor(replica: Replica, name: string, seed: number) {
    this.#replica = replica;
    this.#name = name;
    this.#random = randomFrom(seed);
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      try {
        await this.#step();
      } catch (err) {
        if (!(err instanceof RegistryError) || err.code !== 'UNAVAILABLE') throw err;
      }
    }
  }

  async #step(): Promise<void> {
    const repository = this.#oneOf(REPOSITORIES);
    const tag = `${this.#name}${this.#random(4)}`;
    const key = `${repository}:${tag}`;
    const image = this.#oneOf(IMAGES);
    const startedAt = Date.now();
    switch (this.#random(5)) {
      case 0:
        return this.#delete(key);
      case 1:
        await this.#mountAll(repository, image);
        return this.#pushManifest(repository, { tag, key, image }, startedAt);
      default:
        for (const blob of image.blobs) await this.#replica.pushBlob(repository, blob);
        return this.#pushManifest(repository, { tag, key, image }, startedAt);
    }
  }

  /** As clients do that have pushed it elsewhere: what cannot be mounted is sent. */
  async #mountAll(repository: string, image: Image): Promise<void> {
    for (const blob of image.blobs) {
      if (!(await this.#replica.mount(repository, blob.digest, REPOSITORIES)))
        await this.#replica.pushBlob(repository, blob);
    }
  }

  async #pushManifest(
    repository: string,
    { tag, key, image }: { tag: string; key: string; image: Image },
    startedAt: number,
  ): Promise<void> {
    if (await this.#replica.pushManifest(repository, image, tag)) {
      this.promised.set(key, { repository, tag, image });
      return;
    }
    const tookMs = Date.now() - startedAt;
    // On a machine that stood still for so long it may be.
    if (tookMs < this.#replica.graceMs / 2)
      throw new Error(`a blob of ${key} went at most ${tookMs} ms after it was pushed`);
  }

  /** The tag alone: deleting the manifest would remove it for the other writer, whose push was confirmed. */
  async #delete(key: string): Promise<void> {
    const promised = this.promised.get(key);
    if (!promised) return;
    this.promised.delete(key);
    await this.#replica.driver.delete(
      `/docker/registry/v2/repositories/${promised.repository}/_manifests/tags/${promised.tag}`,
    );
  }

  #oneOf<T>(all: readonly T[]): T {
    return all[this.#random(all.length)] as T;
  }
}

async function collectUntil(isOver: () => boolean, replicas: readonly Replica[]): Promise<number> {
  let collections = 0;
  for (let i = 0; !isOver(); i++) {
    const replica = replicas[i % replicas.length] as Replica;
    try {
      await replica.collect({ deleteUntagged: true, graceMs: replica.graceMs });
      collections++;
    } catch (err) {
      if (!(err instanceof CollectionRunningError)) throw err;
    }
  }
  return collections;
}

async function expectWhole(replica: Replica, { promised }: Writer): Promise<void> {
  for (const { repository, tag, image } of promised.values()) {
    expect((await replica.store.tags.find(repository, tag))?.digest).toBe(image.digest);
    expect((await replica.store.manifests.find(repository, image.digest))?.bytes.equals(image.bytes)).toBe(true);
    for (const blob of image.blobs) {
      const source = await replica.store.blobs.open(repository, blob.digest);
      expect(source?.size, `${repository} ${blob.digest}`).toBe(blob.bytes.length);
      await source?.close();
    }
  }
}

const PROCESSES = [
  { processes: 1, name: 'of one process' },
  { processes: 2, name: 'of two processes with one storage' },
];

async function expectNothingLost(replicas: readonly Replica[], { seed, steps }: { seed: number; steps: number }) {
  const writers = ['x', 'y', 'z'].map(
    (name, i) => new Writer(replicas[i % replicas.length] as Replica, name, seed * 100 + i),
  );
  let isOver = false;
  const writing = Promise.all(writers.map((writer) => writer.run(steps))).finally(() => (isOver = true));
  writing.catch(() => {}); // awaited after the collections
  const collections = await collectUntil(() => isOver, replicas.slice(-1));
  await writing;
  expect(collections).toBeGreaterThan(0);
  const [replica] = replicas as [Replica];
  for (const writer of writers) await expectWhole(replica, writer);
  await replica.collect({ deleteUntagged: true });
  for (const writer of writers) await expectWhole(replica, writer);
  expect(await storedDigests(replica)).toEqual(neededBy(writers));
}

describe.each([1, 2, 3])('pushes, mounts, deletes and collections at once, order %i', { timeout: 240_000 }, (seed) => {
  it.each(PROCESSES)('$name lose nothing that a response confirmed, and leave no garbage', async ({ processes }) => {
    const driver = slowStorage(createInmemoryDriver(), randomFrom(seed));
    const replicas = Array.from({ length: processes }, () => createReplica(driver, MEMORY_TIMES));
    await expectNothingLost(replicas, { seed, steps: STEPS.memory });
  });
});

describe('pushes, mounts, deletes and collections at once, on a disk', { timeout: 240_000 }, () => {
  it.each(PROCESSES)('$name lose nothing that a response confirmed, and leave no garbage', async ({ processes }) => {
    await using directory = await temporaryDirectory();
    const replicas = await Promise.all(Array.from({ length: processes }, () => openReplica(directory.path)));
    await expectNothingLost(replicas, { seed: 1, steps: STEPS.disk });
  });
});

async function storedDigests({ store }: Replica): Promise<Set<Digest>> {
  const found = new Set<Digest>();
  for await (const { digest } of store.bytes.walk({})) found.add(digest);
  return found;
}

function neededBy(writers: readonly Writer[]): Set<Digest> {
  const images = writers.flatMap(({ promised }) => [...promised.values()].map(({ image }) => image));
  return new Set(images.flatMap((image) => [image.digest, ...image.blobs.map((blob) => blob.digest)]));
}
