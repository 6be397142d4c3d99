import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { PathNotFoundError } from '../storage/driver.ts';
import { StagedFileHeldError } from '../storage/staging.ts';
import { assertBytes } from './assertions.ts';
import type { DriverCase } from './contract-case.ts';
import { forAllInputs } from './generated-inputs.ts';
import { readAll } from './read-source.ts';
import { keepPieces, somePieces } from './staged-pieces.ts';
import { appendAndKeep, holding } from './staging-steps.ts';

const MIB = 1024 * 1024;
const PATH = '/u/1/data';

/** Files that grow by chunks. */
export const STAGING_CASES: readonly DriverCase[] = [
  {
    name: 'publishes an empty staged file',
    async run({ driver }) {
      await driver.staging.create(PATH);
      assert.equal(await driver.staging.size(PATH), 0);
      await holding(driver, PATH, (staged) => staged.publish('/blob/data'));
      const info = await driver.stat('/blob/data');
      assert.deepEqual([info.isDirectory, info.size], [false, 0]);
    },
  },
  {
    name: 'publishes chunks of all sizes, each kept before the next, and replaces an existing file',
    async run({ driver }) {
      await driver.writeSmall('/blob/data', Buffer.from('older'));
      await driver.staging.create(PATH);
      const pieces = [6 * MIB, 100, 5 * MIB + 1, 2 * MIB, 4 * MIB, 1].map((size) => randomBytes(size));
      for (const piece of pieces) await appendAndKeep(driver, PATH, piece);
      assert.equal(await driver.staging.size(PATH), Buffer.concat(pieces).length);
      assert.equal(String(await driver.readSmall('/blob/data', 10)), 'older');
      await holding(driver, PATH, (staged) => staged.publish('/blob/data'));
      assertBytes(await readAll(await driver.open('/blob/data')), Buffer.concat(pieces), 'the published file');
    },
  },
  {
    name: 'publishes written bytes that were not kept before',
    async run({ driver }) {
      const bytes = randomBytes(12 * MIB);
      await driver.staging.create(PATH);
      await appendAndKeep(driver, PATH, bytes.subarray(0, 10));
      await holding(driver, PATH, async (staged) => {
        for (let i = 10; i < bytes.length; i += MIB)
          await staged.write([bytes.subarray(i, i + 7), bytes.subarray(i + 7, i + MIB)]);
        await staged.publish('/blob/data');
      });
      assertBytes(await readAll(await driver.open('/blob/data')), bytes, 'the published file');
    },
  },
  {
    name: 'has the kept bytes and no others, however they are split',
    async run({ driver, seed }) {
      let files = 0;
      await forAllInputs({ seed, count: 15, generate: somePieces }, async (pieces) => {
        const path = `/u/p${files++}/data`;
        await driver.staging.create(path);
        const expected = await keepPieces(driver, path, pieces);
        await holding(driver, path, (staged) => staged.publish('/blob/split'));
        assertBytes(await readAll(await driver.open('/blob/split')), expected, 'the published file');
      });
    },
  },
  {
    name: 'allows one holder of a staged file at a time',
    async run({ driver }) {
      await driver.staging.create(PATH);
      const first = await driver.staging.hold(PATH);
      await assert.rejects(driver.staging.hold(PATH), StagedFileHeldError);
      await first.write([Buffer.from('x')]);
      assert.ok((await driver.staging.size(PATH)) <= 1, 'size counts at most the written byte');
      await first.release();
      await first.release();
      const second = await driver.staging.hold(PATH);
      await first.release();
      await assert.rejects(driver.staging.hold(PATH), StagedFileHeldError);
      assert.equal(second.size, 0);
      await second.keep();
    },
  },
  {
    name: 'rejects a missing staged file with PathNotFoundError',
    async run({ driver }) {
      await assert.rejects(driver.staging.hold('/u/none/data'), PathNotFoundError);
      await assert.rejects(driver.staging.size('/u/none/data'), PathNotFoundError);
    },
  },
  {
    name: 'deletes a staged file with its directory, also a held one',
    async run({ driver }) {
      await driver.staging.create(PATH);
      await appendAndKeep(driver, PATH, Buffer.from('kept'));
      const staged = await driver.staging.hold(PATH);
      await staged.write([Buffer.from('more')]);
      await driver.delete('/u/1');
      await assert.rejects(staged.keep(), { message: /./ });
      await staged.release();
      await assert.rejects(driver.staging.hold(PATH), PathNotFoundError);
      await assert.rejects(driver.list('/u/1'), PathNotFoundError);
    },
  },
];
