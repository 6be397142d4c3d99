import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createFilesystemDriver } from '../../../src/storage/filesystem/filesystem.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';

/** Writes and adopts files that contain their length, until it is killed: `endless-writer.ts ROOT`. */
const driver = await createFilesystemDriver({ rootDirectory: process.argv[2] as string, buffers: new BufferPool() });
for (let i = 0; ; i++) {
  await Promise.all([write(i), adopt(i)]);
  if (i === 0) process.stdout.write('started\n');
}

async function write(i: number): Promise<void> {
  await driver.writeSmall(`/written/${i % 20}/f`, content(i));
}

async function adopt(i: number): Promise<void> {
  const local = join(driver.spoolDirectory as string, randomUUID());
  await writeFile(local, content(i));
  await driver.adopt(local, `/adopted/${i % 20}/f`);
}

/** The length of the content in bytes, padded to that length. */
function content(i: number): Buffer {
  const length = 1000 + ((i * 7919) % 200_000);
  return Buffer.concat([Buffer.from(`${length}\n`), Buffer.alloc(length)], length);
}
