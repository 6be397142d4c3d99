import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import { pull } from '../integration/pulling.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startReady, untilReady } from './ready.ts';

const images = new Images();
const image = images.addImage('library/app', '1');
const hub = sharedHub(images);

const control = ({ dataDirectory }: Layover) => new RemoteControl({ url: `unix:${dataDirectory}/layover/admin.sock` });
const causes = async (layover: Layover) => (await control(layover).problems()).map(({ cause }) => cause);

describe('GET /problems', () => {
  it('is empty while nothing is wrong', async () => {
    await using layover = await startReady(hub());
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    expect(await control(layover).problems()).toEqual([]);
    expect((await control(layover).status()).problems).toEqual([]);
  });

  it('has what an upstream fails with, what to do, and forgets an outage that is over', async () => {
    await using layover = await startReady(hub());
    await hub().stop();
    for (let i = 0; i < 3; i++) await pull(`${layover.url}/v2/library/app/manifests/${image.digest}`);
    const problems = await control(layover).problems();
    expect(problems.map(({ cause }) => cause)).toEqual(['breaker-open', 'network']);
    expect(problems[1]).toMatchObject({
      severity: 'warning',
      upstream: 'docker.io',
      text: 'An upstream cannot be reached.',
      todo: expect.stringContaining('DNS') as string,
      docs: 'docs/operating.md#layoverupstreamunreachable',
    });
    expect(problems[1]?.count).toBeGreaterThanOrEqual(3);
    expect((await control(layover).status()).problems).toHaveLength(2);
    await hub().resume();
    await control(layover).probeUpstream('docker.io');
    expect(await causes(layover)).toEqual(['network']);
  });

  it('has the registry that a client named and that is not configured, as data', async () => {
    await using layover = await startReady(hub());
    const ns = '<script>alert(1)</script>';
    await pull(`${layover.url}/v2/library/app/manifests/1?ns=${encodeURIComponent(ns)}`);
    await pull(`${layover.url}/v2/library/app/manifests/1?ns=quay.io`);
    const problems = await control(layover).problems();
    expect(problems.map(({ cause }) => cause)).toEqual(['unknown-registry', 'unknown-registry']);
    expect(problems[0]).toMatchObject({ subject: 'quay.io', detail: expect.stringContaining('docker.io') as string });
  });

  it('shows the fault of an upstream first, whatever clients name', async () => {
    await using layover = await startReady(hub());
    await hub().stop();
    for (let i = 0; i < 3; i++) await pull(`${layover.url}/v2/library/app/manifests/${image.digest}`);
    for (let i = 0; i < 250; i++) await pull(`${layover.url}/v2/library/app/manifests/1?ns=h${i}.example`);
    const problems = await control(layover).problems();
    expect(problems).toHaveLength(2 + 21);
    expect(problems[0]?.cause).toBe('breaker-open');
    expect(
      problems
        .slice(1, 3)
        .map(({ cause }) => cause)
        .toSorted(),
    ).toEqual(['network', 'unknown-registry']);
    expect(problems.at(-1)).toMatchObject({ cause: 'unknown-registry', count: 230 });
    const status = await control(layover).status();
    expect(status.problems.map(({ cause }) => cause)).toContain('network');
    expect(status.text).toContain('docker.io does not respond');
  });

  it('shows what clients name as a problem, but the verdict does not come from it', async () => {
    await using layover = await startReady(hub());
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    for (let i = 0; i < 30; i++) await pull(`${layover.url}/v2/library/app/manifests/1?ns=h${i}.example`);
    const status = await control(layover).status();
    expect(status.problems).toHaveLength(10);
    expect(status).toMatchObject({ verdict: 'working', text: expect.stringMatching(/^Working/) as string });
  });

  it('has a client that checks the registry and never pulls from it', async () => {
    await using layover = await startReady(hub());
    for (let i = 0; i < 5; i++) await pull(`${layover.url}/v2/`, { headers: { 'user-agent': 'docker/29' } });
    expect(await control(layover).problems()).toMatchObject([
      { cause: 'pings-never-pulls', subject: '127.0.0.1', detail: 'docker/29', count: 5 },
    ]);
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    expect(await control(layover).problems()).toEqual([]);
  });

  it('has a deny file with a wrong line until that is mended; the previous entries apply meanwhile', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'denied.txt');
    await writeFile(file, 'docker.io/library/app\n');
    const config = { ...cacheConfig(hub(), {}), policy: { deny: { file } } };
    await using layover = await Layover.start({ config });
    await untilReady(layover);
    expect(await causes(layover)).toEqual([]);

    await writeFile(file, '# comment\nnot a digest\n');
    await expect.poll(() => causes(layover)).toEqual(['deny-file']);
    expect(await control(layover).problems()).toMatchObject([
      { severity: 'error', subject: file, detail: expect.stringContaining('line 2: must be a digest') as string },
    ]);
    expect((await control(layover).status()).verdict).toBe('degraded');
    expect((await pull(`${layover.url}/v2/library/app/manifests/1`)).status).toBe(403);

    await writeFile(file, 'docker.io/evil/*\n');
    await expect.poll(() => causes(layover)).not.toContain('deny-file');
    expect((await pull(`${layover.url}/v2/library/app/manifests/1`)).status).toBe(200);
  });

  it('makes the verdict degraded when clients are affected', async () => {
    await using layover = await startReady(hub());
    hub().faults.failNext('manifest-get', 10, { status: 429 });
    await pull(`${layover.url}/v2/library/app/manifests/${image.digest}`);
    expect(await control(layover).status()).toMatchObject({
      verdict: 'degraded',
      text: 'docker.io: An upstream refuses pulls, because too many were made.',
    });
  });
});
