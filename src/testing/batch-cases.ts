import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { PathNotFoundError, type StorageDriver } from '../storage/driver.ts';
import { inBatch } from '../storage/write-batch.ts';
import { assertBytes } from './assertions.ts';
import type { DriverCase } from './contract-case.ts';
import { readAll } from './read-source.ts';

const SMALL = Buffer.from('small');

/** Several files in one batch. A driver without batches writes each alone. */
export const BATCH_CASES: readonly DriverCase[] = [
  {
    name: 'writes the files of a batch, prepared or not, with a staged file',
    async run({ driver }) {
      const bytes = randomBytes(100_000);
      await driver.staging.create('/u/data');
      const staged = await driver.staging.hold('/u/data');
      await staged.write([bytes]);
      await inBatch(driver, async (batch) => {
        batch.prepare('/links/a', SMALL);
        await batch.publish(staged, '/blob/data');
        await batch.writeSmall('/links/a', SMALL);
        await batch.writeSmall('/links/b', SMALL);
        batch.relyOn('/blob/data');
        await batch.settle(['/links/a', '/links/missing']);
        assertBytes(await driver.readSmall('/links/a', 100), SMALL, 'a file of the batch, before its end');
      });
      assertBytes(await readAll(await driver.open('/blob/data')), bytes, 'the staged file');
      await assertFiles(driver, ['a', 'b']);
    },
  },
  {
    name: 'shows nothing of a file that was prepared and not written',
    async run({ driver }) {
      await driver.writeSmall('/links/a', SMALL);
      await inBatch(driver, async (batch) => {
        batch.prepare('/links/a', Buffer.from('other'));
        batch.prepare('/new/b', SMALL);
      });
      await assertFiles(driver, ['a']);
      await assert.rejects(driver.stat('/new/b'), PathNotFoundError);
    },
  },
  {
    name: 'keeps the files that a batch had written when it failed, and returns its error',
    async run({ driver }) {
      const failing = inBatch(driver, async (batch) => {
        batch.prepare('/links/b', SMALL);
        await batch.writeSmall('/links/a', SMALL);
        throw new Error('of the work');
      });
      await assert.rejects(failing, { message: 'of the work' });
      await assertFiles(driver, ['a']);
    },
  },
];

async function assertFiles(driver: StorageDriver, names: readonly string[]): Promise<void> {
  assert.deepEqual(await driver.list('/links'), names);
  for (const name of names) assertBytes(await driver.readSmall(`/links/${name}`, 100), SMALL, name);
}
