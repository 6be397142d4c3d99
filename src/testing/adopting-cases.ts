import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PathNotFoundError } from '../storage/driver.ts';
import { assertBytes } from './assertions.ts';
import type { DriverCase } from './contract-case.ts';
import { createLocalFile } from './local-file.ts';
import { readAll } from './read-source.ts';

const DOES_NOT_EXIST = { message: /ENOENT/ };

/** Local files that become content. */
export const ADOPTING_CASES: readonly DriverCase[] = [
  {
    name: 'makes a local file the content of a path, and removes the local one',
    async run({ driver }) {
      const bytes = randomBytes(200_000);
      await using local = await createLocalFile(bytes);
      await driver.writeSmall('/a/b', Buffer.from('older'));
      await driver.adopt(local.path, '/a/b');
      assertBytes(await readAll(await driver.open('/a/b')), bytes, 'the adopted file');
      await assert.rejects(access(local.path), DOES_NOT_EXIST);
    },
  },
  {
    name: 'adopts an empty file',
    async run({ driver }) {
      await using local = await createLocalFile(Buffer.alloc(0));
      await driver.adopt(local.path, '/new/f');
      const info = await driver.stat('/new/f');
      assert.deepEqual([info.isDirectory, info.size], [false, 0]);
    },
  },
  {
    name: 'creates nothing when there is no local file',
    async run({ driver }) {
      await using local = await createLocalFile();
      await assert.rejects(driver.adopt(local.path, '/f'), DOES_NOT_EXIST);
      await assert.rejects(driver.stat('/f'), PathNotFoundError);
    },
  },
  {
    name: 'adopts a file from its spool directory',
    async run({ driver }) {
      if (driver.spoolDirectory === undefined) return;
      const local = join(driver.spoolDirectory, 'f');
      await writeFile(local, 'spooled');
      await driver.adopt(local, '/f');
      assert.equal(String(await driver.readSmall('/f', 100)), 'spooled');
    },
  },
];
