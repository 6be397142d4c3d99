import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createContentStore } from '../../src/content/content-store.ts';
import { blobDataPath, blobDirectory, layerDirectory, layerLinkPath } from '../../src/content/paths.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { createFilesystemDriver } from '../../src/storage/filesystem/filesystem.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { imageFor, OTHER_REPOSITORY, REPOSITORY } from './recorded-content.ts';

/**
 * Takes steps, while a preloaded library writes a journal, and prints how each ended: `recorded-writer.ts ROOT STEP...`. An image is named
 * after the bytes of its config.
 */
const [rootDirectory = '', ...steps] = process.argv.slice(2);
let { driver, store } = await open('full');
let uploads = 0;
let sessions = 0;
let spools = 0;

for (const step of steps) {
  const [kind = '', name = ''] = step.split(':');
  const error = await take(kind, name).then(
    () => undefined,
    (err: unknown) => String(err),
  );
  const position = statSync(process.env['POWER_LOSS_JOURNAL'] ?? '').size;
  process.stdout.write(`${JSON.stringify({ step, error, position })}\n`);
}

async function take(kind: string, name: string): Promise<void> {
  switch (kind) {
    case 'fail': // `files`, `directories`, or nothing any more
      process.env['POWER_LOSS_FAILING'] = name;
      return;
    case 'relaxed':
      ({ driver, store } = await open('relaxed'));
      return;
    case 'finish':
      return await finish(Buffer.from(name));
    case 'commit':
      return await commit(Buffer.from(name));
    case 'link':
      return await store.blobs.link(OTHER_REPOSITORY, digestOf(Buffer.from(name)));
    case 'recreate':
      return await recreate(Buffer.from(name));
    case 'upload':
      return await upload(Buffer.from(name));
    case 'push':
      return await push(name);
    case 'pull':
      return await pull(name);
    default:
      throw new Error(`no such step: ${kind}`);
  }
}

async function open(durability: 'full' | 'relaxed') {
  const opened = await createFilesystemDriver({ rootDirectory, durability, buffers: new BufferPool() });
  return { driver: opened, store: createContentStore({ driver: opened, onDamage() {} }) };
}

async function upload(bytes: Buffer): Promise<void> {
  const path = `/uploads/${process.pid}-${uploads++}/data`;
  await driver.staging.create(path);
  const staged = await driver.staging.hold(path);
  await staged.write([bytes]);
  await store.blobs.publish(REPOSITORY, digestOf(bytes), staged);
}

/** Of a session that the first such step starts. */
async function finish(bytes: Buffer): Promise<void> {
  const path = '/uploads/session/data';
  if (sessions++ === 0) await driver.staging.create(path);
  const staged = await driver.staging.hold(path);
  if (sessions === 1) await staged.write([bytes]);
  await store.blobs.publish(REPOSITORY, digestOf(bytes), staged).finally(() => staged.release());
}

/** Of a spool that the first such step writes. */
async function commit(bytes: Buffer): Promise<void> {
  const spool = join(driver.spoolDirectory ?? '', 'spool');
  if (spools++ === 0) await writeFile(spool, bytes);
  await store.blobs.commit(REPOSITORY, digestOf(bytes), spool);
}

/** What another process does that collects the blob as garbage, and pulls it. */
async function recreate(bytes: Buffer): Promise<void> {
  const digest = digestOf(bytes);
  const other = await createFilesystemDriver({ rootDirectory, buffers: new BufferPool() });
  await other.delete(blobDirectory(digest));
  await other.delete(layerDirectory(REPOSITORY, digest));
  await other.writeSmall(blobDataPath(digest), bytes, { replaceable: true });
  await other.writeSmall(layerLinkPath(REPOSITORY, digest), Buffer.from(digest), { replaceable: true });
}

async function push(name: string): Promise<void> {
  const { bytes, digest, config } = imageFor(name);
  const needs = [{ digest: config, kinds: ['blob' as const] }];
  const missing = await store.manifests.push(REPOSITORY, { digest, bytes, tags: ['latest'], needs });
  if (missing.length > 0) throw new Error(`missing: ${missing.join()}`);
}

async function pull(name: string): Promise<void> {
  const { bytes, digest } = imageFor(name);
  await store.manifests.put(REPOSITORY, digest, bytes);
  await store.tags.put(REPOSITORY, 'latest', digest);
}
