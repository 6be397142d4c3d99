import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';

import { InvalidPathError, PathNotFoundError } from '../storage/driver.ts';
import { assertAllReject } from './assertions.ts';
import type { DriverCase } from './contract-case.ts';
import { forAllInputs, type SeededRandom } from './generated-inputs.ts';
import { createLocalFile } from './local-file.ts';

const VALID_PATHS = [
  '/a',
  '/2',
  '/a/b/c/d/e',
  '/.a',
  '/a.b',
  '/a-.b',
  '/_.a',
  '/A',
  '/corp.io:5000/x_y',
  '/a..b',
  '/...',
];
const INVALID_PATHS = [
  '',
  'a',
  'a/b',
  '//',
  '/a/',
  '/a//b',
  '//a',
  '/..',
  '/a/../b',
  '/a/./b',
  '/.',
  '/a b',
  '/a\\b',
  '/a\0',
  '/ü',
  '/a%2fb',
  '/a\n',
];

/** Which paths are accepted, and what happens at those without a file. */
export const PATH_CASES: readonly DriverCase[] = [
  ...VALID_PATHS.map(acceptsPath),
  ...INVALID_PATHS.map(rejectsPath),
  {
    name: 'rejects writing, moving and deleting the root',
    async run({ driver }) {
      await driver.writeSmall('/kept', Buffer.from('x'));
      await assertAllReject(InvalidPathError, {
        'writeSmall of the root': driver.writeSmall('/', Buffer.alloc(0)),
        'move of the root': driver.move('/', '/a'),
        'move to the root': driver.move('/kept', '/'),
        'delete of the root': driver.delete('/'),
      });
      assert.ok((await driver.list('/')).includes('kept'), 'the root still has its file');
    },
  },
  {
    name: 'never reads outside of its root, for every path',
    run: ({ driver, seed }) =>
      forAllInputs({ seed, count: 200, generate: hostilePath }, async (path) => {
        const outcome: unknown = await driver.open(path).catch((err: unknown) => err);
        const isRejected = outcome instanceof InvalidPathError || outcome instanceof PathNotFoundError;
        assert.ok(isRejected, `open returns ${String(outcome)}`);
      }),
  },
  {
    name: 'rejects a missing path with PathNotFoundError',
    async run({ driver }) {
      await driver.writeSmall('/file', Buffer.from('x'));
      for (const path of ['/missing', '/missing/deeper', '/file/below', `/${'n'.repeat(300)}`]) {
        await assertAllReject(PathNotFoundError, {
          [`stat of ${path}`]: driver.stat(path),
          [`open of ${path}`]: driver.open(path),
          [`readSmall of ${path}`]: driver.readSmall(path, 9),
          [`list of ${path}`]: driver.list(path),
          [`move of ${path}`]: driver.move(path, '/to'),
        });
      }
    },
  },
];

function acceptsPath(path: string): DriverCase {
  return {
    name: `accepts the path ${JSON.stringify(path)}`,
    async run({ driver }) {
      await driver.writeSmall(`/t${path}`, Buffer.from(path));
      assert.equal(String(await driver.readSmall(`/t${path}`, 100)), path);
    },
  };
}

function rejectsPath(path: string): DriverCase {
  return {
    name: `rejects the path ${JSON.stringify(path)} in every call`,
    async run({ driver }) {
      await using local = await createLocalFile(Buffer.from('x'));
      await assertAllReject(InvalidPathError, {
        stat: driver.stat(path),
        open: driver.open(path),
        readSmall: driver.readSmall(path, 1),
        writeSmall: driver.writeSmall(path, Buffer.from('x')),
        adopt: driver.adopt(local.path, path),
        list: driver.list(path),
        'move from it': driver.move(path, '/to'),
        'move to it': driver.move('/from', path),
        delete: driver.delete(path),
      });
      await access(local.path);
    },
  };
}

function hostilePath(random: SeededRandom): string {
  return random.list(10, () => random.pick(['..', '.', '', 'a', '/', '\\', '\0', '%2e', '~'])).join('/');
}
