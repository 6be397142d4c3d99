import assert from 'node:assert/strict';

import { InvalidPathError, PathNotFoundError } from '../storage/driver.ts';
import { assertBytes, unlessMissing } from './assertions.ts';
import type { DriverCase } from './contract-case.ts';

const X = Buffer.from('x');

/** Lists, moves and deletes. */
export const DIRECTORY_CASES: readonly DriverCase[] = [
  {
    name: 'lists the names directly below a directory, in code point order',
    async run({ driver }) {
      const names = ['b', 'B', 'a-b', 'a', '_x', '10', '2', 'a.b', 'ab', 'a:5'];
      for (const name of names) await driver.writeSmall(`/l/${name}/deep/f`, X);
      await driver.writeSmall('/l/file', X);
      const expected = ['10', '2', 'B', '_x', 'a', 'a-b', 'a.b', 'a:5', 'ab', 'b', 'file'];
      assert.deepEqual(await driver.list('/l'), expected);
      const info = await driver.stat('/l/a');
      assert.deepEqual([info.isDirectory, info.size], [true, 0]);
    },
  },
  {
    name: 'lists the names after a text in the same order, in parts of any size',
    async run({ driver }) {
      if (!driver.listAfter) return;
      const names = ['v1', 'v1-a', 'v1-a.2', 'v1.2', 'v10', 'v1_', 'w-x-y', 'w.', 'x+1', '.h', '1'];
      for (const name of names) await driver.writeSmall(`/l/${name}/f`, X);
      await driver.writeSmall('/l/v2-file', X);
      const all = await driver.list('/l');
      for (const after of [
        '',
        '1',
        'v1',
        'v1-',
        'v1-a.1',
        'v1.2',
        'w-x',
        'zz',
        'v1/',
        'v1\0',
        'é',
        'v1'.repeat(3_000),
      ]) {
        for (const about of [1, 3, 1_000]) {
          const listed: string[] = [];
          for await (const part of driver.listAfter('/l', after, { about })) listed.push(...part);
          const expected = all.filter((name) => name > after);
          assert.deepEqual(listed, expected, `after ${JSON.stringify(after.slice(0, 20))}, about ${about}`);
        }
      }
      for await (const part of driver.listAfter('/missing', '', { about: 9 })) assert.deepEqual(part, []);
    },
  },
  {
    name: 'treats a directory and a file differently',
    async run({ driver, objectsBelowObjects }) {
      await driver.writeSmall('/d/f', X);
      await assert.rejects(driver.open('/d'), PathNotFoundError);
      await assert.rejects(driver.readSmall('/d', 10), PathNotFoundError);
      await assert.rejects(driver.list('/d/f'), PathNotFoundError);
      if (!objectsBelowObjects) await assert.rejects(driver.writeSmall('/d', X));
      assert.equal(String(await driver.readSmall('/d/f', 10)), 'x');
    },
  },
  {
    name: 'moves a file over another',
    async run({ driver }) {
      await driver.writeSmall('/from', Buffer.from('new'));
      await driver.writeSmall('/to/f', Buffer.from('old'));
      await driver.move('/from', '/to/f');
      assert.equal(String(await driver.readSmall('/to/f', 10)), 'new');
      await assert.rejects(driver.stat('/from'), PathNotFoundError);
    },
  },
  {
    name: 'keeps the target when the source does not exist',
    async run({ driver }) {
      await driver.writeSmall('/to', Buffer.from('old'));
      await assert.rejects(driver.move('/missing', '/to'), PathNotFoundError);
      assert.equal(String(await driver.readSmall('/to', 10)), 'old');
    },
  },
  {
    name: 'deletes a directory with everything below it, and no other paths with the same prefix',
    async run({ driver }) {
      for (const path of ['/a/b/c', '/a/b/d/e', '/a/bc', '/ab']) await driver.writeSmall(path, X);
      await driver.delete('/a/b');
      await assert.rejects(driver.stat('/a/b'), PathNotFoundError);
      await assert.rejects(driver.stat('/a/b/d/e'), PathNotFoundError);
      assert.deepEqual(await driver.list('/a'), ['bc']);
      assert.equal((await driver.stat('/ab')).size, 1);
    },
  },
  {
    name: 'succeeds when there is nothing to delete',
    async run({ driver }) {
      await driver.writeSmall('/file', X);
      await driver.delete('/missing');
      await driver.delete('/missing/deeper');
      await driver.delete('/file/below');
      assert.equal((await driver.stat('/file')).size, 1);
    },
  },
  {
    name: 'deletes directories without files at any depth, and returns whether nothing is left',
    async run({ driver }) {
      for (const path of ['/a/b/c', '/a/d/e/f', '/ab']) await driver.writeSmall(path, X);
      for (const path of ['/a', '/a/d', '/ab', '/a/b/c']) assert.equal(await driver.deleteEmpty(path), false, path);
      assert.equal(String(await driver.readSmall('/a/d/e/f', 10)), 'x');
      await driver.delete('/a/d/e/f');
      assert.deepEqual([await driver.deleteEmpty('/a/d'), await driver.deleteEmpty('/a')], [true, false]);
      await assert.rejects(driver.stat('/a/d'), PathNotFoundError);
      await driver.delete('/a/b/c');
      assert.deepEqual([await driver.deleteEmpty('/a'), await driver.deleteEmpty('/missing')], [true, true]);
      await assert.rejects(driver.stat('/a'), PathNotFoundError);
      await assert.rejects(driver.deleteEmpty('/'), InvalidPathError);
    },
  },
  {
    name: 'keeps every file that is written while empty directories are deleted',
    async run({ driver }) {
      const path = (i: number) => `/r/s/${i % 6}/f${i}`;
      await Promise.all(
        Array.from({ length: 60 }, async (_, i) => {
          await (i % 2 === 0 ? driver.deleteEmpty('/r') : driver.writeSmall(path(i), X));
        }),
      );
      for (let i = 1; i < 60; i += 2) assert.equal(String(await driver.readSmall(path(i), 10)), 'x');
    },
  },
  {
    name: 'keeps or removes a file that is written while its directory is deleted, but never shows a part of it',
    async run({ driver }) {
      const bytes = Buffer.alloc(10_000, 'x');
      await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          i % 3 === 0 ? driver.delete('/r') : driver.writeSmall(`/r/s/f${i % 2}`, bytes),
        ),
      );
      for (const path of ['/r/s/f0', '/r/s/f1']) {
        const seen = await driver.readSmall(path, 20_000).catch(unlessMissing);
        if (seen) assertBytes(seen, bytes, path);
      }
    },
  },
];
