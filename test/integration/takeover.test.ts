import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import { cacheCommand } from '../retention/command.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { ACCEPT_MANIFESTS } from '../support/media-types.ts';
import { findProgram } from '../support/programs.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';
import { startDistribution } from './distribution-cache.ts';
import { pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { expectNothingBroken, expectStored, storedRepositories } from './stored-data.ts';

const NAME = 'library/app';
const images = new Images();
const image = images.addImage(NAME, '1', { layers: [300_000] });
const index = images.addIndex(NAME, 'multi', { family: 'docker' });
const blob = images.addBlob(NAME, seededContent('not cached before', 10_000));
const layers = [image.config, ...image.layers];
const hub = sharedHub(images, { challenge: 'none' });

const program = await findProgram('docker-registry');
if (program === undefined) console.warn('docker-registry is missing: the tests of taking over its cache are skipped');

const MANIFESTS = [
  ['1', image],
  [image.digest, image],
  ['multi', index],
  [index.images.amd64.digest, index.images.amd64],
] as const;

/** Pulls everything, and checks it. @returns the outcomes that Layover gave */
async function pullAll(url: string): Promise<readonly unknown[]> {
  const outcomes: unknown[] = [];
  for (const [reference, { digest, mediaType }] of MANIFESTS) {
    const pulled = await pull(`${url}/v2/${NAME}/manifests/${reference}`, { headers: { accept: ACCEPT_MANIFESTS } });
    expect(pulled, reference).toMatchObject({ status: 200, digest, headers: { 'content-type': mediaType } });
    outcomes.push(pulled.headers['x-cache']);
  }
  for (const digest of layers) {
    const pulled = await pull(`${url}/v2/${NAME}/blobs/${digest}`);
    expect(pulled).toMatchObject({ status: 200, complete: true, digest });
    outcomes.push(pulled.headers['x-cache']);
  }
  return outcomes;
}

const config = (proxy: object = {}) => ({ proxy: { remoteurl: hub().url, ...proxy } });

const STATE = 'scheduler-state.json';

/** Lets the real thing fill a directory as a cache. It stores behind the answers' backs, and notes it every 5 s. */
async function fillByDistribution(rootdirectory: string): Promise<void> {
  await using distribution = await startDistribution({ program: program ?? '', rootdirectory, remoteurl: hub().url });
  await pullAll(distribution.url);
  const isNoted = async () => {
    const state = await readFile(join(rootdirectory, STATE), 'utf8').catch(() => '');
    return [image.digest, ...layers].every((digest) => state.includes(digest));
  };
  await vi.waitUntil(isNoted, { timeout: 20_000, interval: 100 });
}

describe.skipIf(program === undefined)('a cache directory of docker-registry', () => {
  let filled: TemporaryDirectory;
  beforeAll(async () => {
    filled = await temporaryDirectory();
    await fillByDistribution(filled.path);
  });
  afterAll(() => filled[Symbol.asyncDispose]());

  async function copyOfFilled(): Promise<TemporaryDirectory> {
    const copy = await temporaryDirectory();
    await cp(filled.path, copy.path, { recursive: true });
    return copy;
  }

  it('is served as it is, with the upstream and without', async () => {
    await using root = await copyOfFilled();
    const state = await readFile(join(root.path, STATE), 'utf8');

    await using layover = await Layover.start({ config: config(), dataDirectory: root.path });
    await layover.waitForOutput(/found a cache written by distribution/);
    expect(await pullAll(layover.url)).toEqual(Array(7).fill('HIT'));
    expect(hub().requests.all).toEqual([]);
    // And it goes on being filled.
    const { digest } = blob;
    expect(await pull(`${layover.url}/v2/${NAME}/blobs/${digest}`)).toMatchObject({
      digest,
      headers: { 'x-cache': 'MISS' },
    });
    await expectStored(layover, [digest, ...layers]);

    await layover.restart(config({ offline: true }));
    hub().requests.reset();
    expect(await pullAll(layover.url)).toEqual(Array(7).fill('HIT'));
    expect(hub().requests.all).toEqual([]);
    expect(await storedRepositories(root.path)).toEqual([NAME]);
    // Left as it was, for the way back.
    expect(await readFile(join(root.path, STATE), 'utf8')).toBe(state);
  });

  it('opened with named upstreams, reports the line that is missing, and is served with it', async () => {
    await using root = await copyOfFilled();
    const named = (more: object = {}) => ({
      proxy: {
        upstreams: [
          { name: 'ghcr.io', remoteurl: hub().url },
          { ...dockerHubUpstream(hub()), default: true, ...more },
        ],
      },
    });
    await using layover = await Layover.start({ config: named(), dataDirectory: root.path });
    await layover.waitForOutput(
      /level=warning msg="cached repositories are not served and never expire: set storeprefix: \\"\\" in the entry of docker.io/,
    );
    await layover.restart(named({ storeprefix: '' }));
    hub().requests.reset();
    expect(await pullAll(layover.url)).toEqual(Array(7).fill('HIT'));
    expect(hub().requests.count('blob-get', 'cdn-get', 'manifest-get')).toBe(0);
    expect(layover.output).not.toContain('not served');
    const { stdout } = await cacheCommand(layover, 'cache', 'list', '--json');
    const { entries } = JSON.parse(stdout) as { entries: { repository: string; expiresAt?: number }[] };
    expect(entries.length).toBeGreaterThan(0);
    for (const entry of entries) expect(entry).toMatchObject({ repository: NAME, hosted: false, pinned: false });
    await expectNothingBroken(layover);
  });

  it.each([
    ['empty', ''],
    ['cut off', '{"library/app@sha256:7b4c'],
    ['of zeros', '\0'.repeat(4096)],
    ['of another shape', '[null]'],
  ])('is served with a scheduler-state.json that is %s', async (_how, text) => {
    await using root = await copyOfFilled();
    await writeFile(join(root.path, STATE), text);
    await using layover = await Layover.start({ config: config({ offline: true }), dataDirectory: root.path });
    await layover.waitForOutput(/cannot read scheduler-state\.json/);
    await pullAll(layover.url);
    await expectNothingBroken(layover);
  });
});

describe.skipIf(program === undefined)('the way back: docker-registry on a directory that Layover filled', () => {
  it('serves it as a registry, and as a cache without fetching anything again', async () => {
    await using root = await temporaryDirectory();
    await using layover = await Layover.start({ config: config(), dataDirectory: root.path });
    expect(await pullAll(layover.url)).toContain('MISS');
    await expectStored(layover, layers);
    await layover.kill('SIGTERM');
    {
      await using registry = await startDistribution({ program: program ?? '', rootdirectory: root.path });
      await pullAll(registry.url);
    }
    hub().requests.reset();
    await using cache = await startDistribution({
      program: program ?? '',
      rootdirectory: root.path,
      remoteurl: hub().url,
    });
    await pullAll(cache.url);
    expect(hub().requests.count('blob-get', 'cdn-get', 'manifest-get')).toBe(0);
    await expectNothingBroken(layover);
  });
});
