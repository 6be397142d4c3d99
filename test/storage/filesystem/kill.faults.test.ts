import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { createFilesystemDriver } from '../../../src/storage/filesystem/filesystem.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';
import { filesBelow } from '../../support/data-directory.ts';
import { RunningProcess } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const WRITER = join(import.meta.dirname, 'endless-writer.ts');

it('shows only complete files after the process that wrote them was killed at any moment', async () => {
  await using directory = await temporaryDirectory();
  for (let round = 0; round < 8; round++) {
    const writer = await RunningProcess.start(process.execPath, ['--import', 'tsx', WRITER, directory.path], {
      env: process.env,
    });
    await writer.waitForOutput(/started/);
    // Different moments test different states.
    await delay(20 + round * 37);
    writer.kill('SIGKILL');
    await writer.exited;
    const files = [
      ...(await filesBelow(join(directory.path, 'written'))),
      ...(await filesBelow(join(directory.path, 'adopted'))),
    ];
    expect(files.length).toBeGreaterThan(0);
    for (const path of files) {
      const bytes = await readFile(path, 'latin1');
      expect(bytes.length).toBe(Number.parseInt(bytes, 10));
    }
  }
  await createFilesystemDriver({ rootDirectory: directory.path, buffers: new BufferPool() });
  expect(await readdir(join(directory.path, 'layover/tmp'))).toEqual([]);
});
