import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { Layover } from '../support/layover.ts';
import { runLayover } from '../support/run-layover.ts';
import { CONFIG, imageOf, LAYER, piece, type Piece, Repository } from './manifest-pushing.ts';
import { canBecomeOther, OTHER_USER, serveAsOther, startAsOther } from './other-user.ts';
import { send } from './pushing.ts';

const run = promisify(execFile);
const GARBAGE = piece('of no manifest');
const HIDDEN_LAYER = piece('only in the hidden repository');
const HIDDEN = imageOf('hidden', {
  layers: [{ mediaType: 'application/octet-stream', digest: HIDDEN_LAYER.digest, size: HIDDEN_LAYER.bytes.length }],
});
const config = { storage: { delete: { enabled: true } } };

async function startWithContent(): Promise<Layover> {
  const layover = await Layover.start({ config });
  const open = new Repository(layover.url, 'team/open');
  await open.addBlobs(CONFIG, LAYER, GARBAGE);
  expect((await open.put(imageOf('open'), 'v1')).status).toBe(201);
  const hidden = new Repository(layover.url, 'team/hidden');
  await hidden.addBlobs(CONFIG, HIDDEN_LAYER);
  expect((await hidden.put(HIDDEN, 'v1')).status).toBe(201);
  await layover.kill('SIGTERM');
  return layover;
}

const repositories = ({ dataDirectory }: Layover) => join(dataDirectory, 'docker/registry/v2/repositories');

async function stored(layover: Layover, ...pieces: readonly Piece[]): Promise<boolean[]> {
  const digests = new Set((await layover.visibleBlobs()).map(({ digest }) => digest));
  return pieces.map(({ digest }) => digests.has(digest));
}

async function catalogOf(url: string) {
  const { status, body } = await send('GET', `${url}/v2/_catalog`);
  return { status, names: (JSON.parse(body) as { repositories?: string[] }).repositories };
}

describe.skipIf(!canBecomeOther)('a directory of repositories that cannot be read', () => {
  it('is left out of the catalog and reported; no bytes are collected that it may refer to', async () => {
    await using layover = await startWithContent();
    await run('chown', ['-R', `${OTHER_USER}:${OTHER_USER}`, layover.dataDirectory]);
    const hidden = join(repositories(layover), 'team/hidden');
    await chown(hidden, 0, 0);
    await chmod(hidden, 0o700);
    {
      await using server = (await serveAsOther(layover)).server;
      const [, url = ''] = await server.waitForOutput(/listening on (http:\S+)/);
      expect(await catalogOf(url)).toEqual({ status: 200, names: ['team/open'] });
      await server.waitForOutput(/damaged content found.*team\/hidden.*unreadable|team\/hidden.*unreadable/);
      for (const path of ['manifests/v1', `manifests/${HIDDEN.digest}`, `blobs/${HIDDEN_LAYER.digest}`]) {
        expect((await send('GET', `${url}/v2/team/hidden/${path}`)).status, path).toBe(503);
      }
      expect((await send('GET', `${url}/v2/team/open/manifests/v1`)).status).toBe(200);
    }
    const collection = await startAsOther(layover, ['garbage-collect', '-m']);
    expect((await collection.exited).code).toBe(2);
    expect(collection.output).toContain('team/hidden');
    expect(collection.stdout).toContain(`0 blobs removed`);
    expect(await stored(layover, HIDDEN_LAYER, HIDDEN, GARBAGE)).toEqual([true, true, true]);

    await chown(hidden, OTHER_USER, OTHER_USER);
    expect((await (await startAsOther(layover, ['garbage-collect', '-m'])).exited).code).toBe(0);
    expect(await stored(layover, HIDDEN_LAYER, HIDDEN, LAYER, GARBAGE)).toEqual([true, true, true, false]);
  });

  it('holds nothing back when no client could name it, as lost+found', async () => {
    await using layover = await startWithContent();
    await run('chown', ['-R', `${OTHER_USER}:${OTHER_USER}`, layover.dataDirectory]);
    await mkdir(join(repositories(layover), 'lost+found'), { mode: 0o700 });
    const collection = await startAsOther(layover, ['garbage-collect']);
    expect((await collection.exited).code).toBe(0);
    expect(await stored(layover, HIDDEN_LAYER, LAYER, GARBAGE)).toEqual([true, true, false]);
  });
});

describe('a link among the repositories', () => {
  it.each([
    ['to the directory it is in', '.', 'loop'],
    ['to the directory above', '..', 'loop'],
    ['to the storage directory', '../../../..', 'loop'],
    ['from below to the top', '../..', 'team/open/up'],
  ])('%s is left out of the catalog and of collections', async (_how, target, name) => {
    await using layover = await startWithContent();
    await symlink(target, join(repositories(layover), name));
    await layover.restart();
    expect(await catalogOf(layover.url)).toEqual({ status: 200, names: ['team/hidden', 'team/open'] });
    await layover.waitForOutput(/circular link ignored/);
    await layover.kill('SIGTERM');
    const { code, stdout } = await runLayover(['garbage-collect', layover.configFile]);
    expect(code, stdout).toBe(0);
    expect(await stored(layover, HIDDEN_LAYER, LAYER, GARBAGE)).toEqual([true, true, false]);
  });

  it('that leads to each other, back and forth, comes to an end', async () => {
    await using layover = await startWithContent();
    await symlink('../hidden', join(repositories(layover), 'team/open/to-hidden'));
    await symlink('../open', join(repositories(layover), 'team/hidden/to-open'));
    await layover.restart();
    const { status, names } = await catalogOf(layover.url);
    expect(status).toBe(200);
    expect(names).toEqual(['team/hidden', 'team/hidden/to-open', 'team/open', 'team/open/to-hidden']);
  });

  it('that leads nowhere, as to a disk that is not mounted, holds all bytes back', async () => {
    await using layover = await startWithContent();
    await symlink('/nowhere/at/all', join(repositories(layover), 'far'));
    const { code, stdout } = await runLayover(['garbage-collect', layover.configFile]);
    expect(code, stdout).toBe(2);
    expect(await stored(layover, HIDDEN_LAYER, LAYER, GARBAGE)).toEqual([true, true, true]);
    await layover.restart();
    expect(await catalogOf(layover.url)).toEqual({ status: 200, names: ['team/hidden', 'team/open'] });
  });
});
