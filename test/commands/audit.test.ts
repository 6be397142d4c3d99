import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { LmdbPulls } from '../../src/audit/lmdb-pulls.ts';
import type { PullRecord } from '../../src/audit/pull-record.ts';
import { recordedPulls } from '../audit/recorded-pulls.ts';
import { pull } from '../integration/pulling.ts';
import { sharedHub, startCache } from '../integration/scene.ts';
import { cacheCommand } from '../retention/command.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';

const images = new Images();
const app = images.addImage('library/app', '1', { layers: [3000] });
images.addImage('library/other', '2', { layers: [3000] });
const hub = sharedHub(images);

const AGENT = 'docker/27.1 \u0085[2J';

async function startPulled(): Promise<Layover> {
  const layover = await startCache(hub(), { ownProcess: true, http: { trustedproxies: ['127.0.0.1'] } });
  for (const [name, address] of [
    ['app/manifests/1', '192.0.2.7'],
    ['other/manifests/2', '2001:db8::1'],
    ['app/manifests/none', '192.0.2.8'],
  ] as const) {
    const headers = { 'user-agent': AGENT, 'x-forwarded-for': address };
    await pull(`${layover.url}/v2/library/${name}`, { headers });
  }
  await vi.waitFor(async () => expect(await recordedPulls(layover)).toHaveLength(3), { timeout: 30_000 });
  return layover;
}

describe.each(['a running', 'a stopped'] as const)('layover audit pulls with %s server', (state) => {
  let layover: Layover;
  beforeAll(async () => {
    layover = await startPulled();
    if (state === 'a stopped') await layover.kill('SIGTERM');
  });
  afterAll(() => layover?.[Symbol.asyncDispose]());

  const pulls = async (...args: string[]) => {
    const result = await cacheCommand(layover, 'audit', 'pulls', ...args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const json = async (...args: string[]) => {
    const lines = (await pulls('--json', ...args)).trimEnd().split('\n');
    return lines.filter(Boolean).map((line) => JSON.parse(line) as PullRecord);
  };

  it('prints a line for each, without the control characters that clients sent', async () => {
    const text = await pulls();
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^TIME +CLIENT +KIND +IMAGE +DIGEST +PLATFORM +OUTCOME +COUNT +BYTES +USER AGENT$/);
    expect(text).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:]+Z +192\.0\.2\.7 +pull +docker\.io\/library\/app:1 +sha256:[0-9a-f]{12} +miss +1 +\d+ B +docker\/27\.1 \?\[2J$/m,
    );
    expect(text).toMatch(/ 192\.0\.2\.8 +pull +docker\.io\/library\/app:none +failed \(MANIFEST_UNKNOWN\) /);
    expect(lines).toHaveLength(4);
  });

  it('exports JSON, one object a line', async () => {
    const records = await json();
    expect(records).toHaveLength(3);
    expect(records.at(-1)).toMatchObject({ repository: 'docker.io/library/app', reference: '1', digest: app.digest });
    expect(await json('--limit', '2')).toEqual(records.slice(0, 2));
  });

  it('filters by image, digest, client and time', async () => {
    const references = async (...args: string[]) => (await json(...args)).map(({ reference }) => reference).toSorted();
    expect(await references('--image', 'docker.io/library/*:1')).toEqual(['1']);
    expect(await references('--digest', app.digest)).toEqual(['1']);
    expect(await references('--client', '192.0.2.0/24')).toEqual(['1', 'none']);
    expect(await references('--client', '2001:db8::1')).toEqual(['2']);
    expect(await references('--since', '1h')).toEqual(['1', '2', 'none']);
    expect(await references('--since', '2100-01-01')).toEqual([]);
    expect(await pulls('--image', 'nothing')).toBe('no recorded pull matches\n');
  });

  it('reports wrong options', async () => {
    const failed = async (...args: string[]) => {
      const { code, stderr } = await cacheCommand(layover, 'audit', 'pulls', ...args);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await failed('--digest', 'latest')).toContain('latest is not a digest, such as sha256:');
    expect(await failed('--since', 'yesterday')).toContain('Use a duration such as 24h, or a date.');
    expect(await failed('--limit', '0')).toContain('It must be a whole number, 1 or more.');
  });
});

describe('the record of a killed server', () => {
  it('has every batch that was written, and continues from there', async () => {
    await using layover = await startPulled();
    await layover.kill('SIGKILL');
    await layover.restart();
    await expect.poll(() => recordedPulls(layover)).toHaveLength(3);
    expect(layover.output).not.toContain('damaged');
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    await expect.poll(() => recordedPulls(layover)).toHaveLength(4);
  });

  it('has a batch that was written before anyone read it', async () => {
    await using layover = await startCache(hub(), { ownProcess: true });
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    const directory = join(layover.dataDirectory, 'layover', 'pulls');
    const store = await LmdbPulls.open({ directory });
    await expect.poll(() => store.read({ limit: 10 })).toHaveLength(1);
    await store.close();
    await layover.kill('SIGKILL');
    const { stdout } = await cacheCommand(layover, 'audit', 'pulls', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ reference: '1', digest: app.digest });
  });

  it('is replaced when it is damaged: a warning, and pulls are served and recorded', async () => {
    await using layover = await startPulled();
    await layover.kill('SIGTERM');
    await writeFile(join(layover.dataDirectory, 'layover', 'pulls', 'pulls.mdb'), Buffer.alloc(50_000, 'garbage'));
    await layover.restart();
    expect(await pull(`${layover.url}/v2/library/app/manifests/1`)).toMatchObject({ status: 200 });
    await layover.waitForOutput(/record of pulls damaged: moved aside/);
    await expect.poll(() => recordedPulls(layover)).toHaveLength(1);
  });
});
