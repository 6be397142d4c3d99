import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { recordedPulls } from '../audit/recorded-pulls.ts';
import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';

const images = new Images();
const app = images.addImage('library/app', '1', { layers: [3000] });
const multi = images.addIndex('library/multi', 'latest');
const hub = sharedHub(images);

const DAY_MS = 86_400_000;
const FORWARDED = { 'x-forwarded-for': '192.0.2.7' };
const PROXIED = { trustedproxies: ['127.0.0.1'] };

describe('the record of pulls', () => {
  it('has who pulled which image, by tag and by digest, and what the cache did', async () => {
    // Batches are written when they are read.
    await using layover = await startCache(hub(), { clock: new FakeClock() });
    const headers = { 'user-agent': 'containerd/v1.7.2' };
    const manifests = `${layover.url}/v2/library/app/manifests`;
    await pull(`${manifests}/1`, { headers });
    await pull(`${manifests}/1`, { headers });
    await pull(`${manifests}/${app.digest}`, { headers });
    await pull(`${manifests}/1`, { headers, method: 'HEAD' });
    await pull(`${manifests}/1`, { headers: { ...headers, 'if-none-match': `"${app.digest}"` } });
    await pull(`${manifests}/missing`, { headers });
    const both = { address: '127.0.0.1', userAgent: 'containerd/v1.7.2', repository: 'docker.io/library/app' };
    const served = { ...both, digest: app.digest, requestedAs: 'library/app', upstream: 'docker.io' };
    await expect
      .poll(async () => (await recordedPulls(layover)).map((record) => `${record.kind} ${record.outcome}`).toSorted())
      .toEqual(['check hit', 'pull failed', 'pull hit', 'pull hit', 'pull miss']);
    const records = await recordedPulls(layover);
    expect(records).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...served, kind: 'pull', outcome: 'miss', reference: '1', count: 1 }),
        expect.objectContaining({ ...served, kind: 'pull', outcome: 'hit', reference: '1', count: 1 }),
        expect.objectContaining({ ...served, kind: 'pull', outcome: 'hit', reference: app.digest }),
        expect.objectContaining({ ...served, kind: 'check', outcome: 'hit', reference: '1', count: 2, bytes: 0 }),
        expect.objectContaining({ ...both, outcome: 'failed', reference: 'missing', error: 'MANIFEST_UNKNOWN' }),
      ]),
    );
    expect(records.find(({ outcome }) => outcome === 'miss')?.bytes).toBe(app.bytes.length);
  });

  it('has the platform of a manifest that was pulled from an index', async () => {
    await using layover = await startCache(hub());
    const { digest } = multi.images.arm64;
    await pull(`${layover.url}/v2/library/multi/manifests/latest`);
    await pull(`${layover.url}/v2/library/multi/manifests/${digest}`);
    await expect
      .poll(() => recordedPulls(layover, { image: 'library/multi' }))
      .toMatchObject([
        { digest, index: multi.digest, platform: 'linux/arm64' },
        { digest: multi.digest, reference: 'latest' },
      ]);
    // Whoever has an index that turns out to be bad has its manifests.
    expect(await recordedPulls(layover, { digest: multi.digest })).toHaveLength(2);
    expect(await recordedPulls(layover, { digest: multi.images.amd64.digest })).toEqual([]);
  });

  it('has the bytes of blobs for each client and repository', async () => {
    await using layover = await startCache(hub(), { http: PROXIED });
    const blobs = [app.config, ...app.layers].map((digest) => `${layover.url}/v2/library/app/blobs/${digest}`);
    const sizes = await Promise.all(blobs.map(async (url) => (await pull(url, { headers: FORWARDED })).size));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const sent = async () => {
      const records = (await recordedPulls(layover)).filter(({ kind }) => kind === 'blobs');
      return records.map((record) => [record.repository, record.address, record.bytes, record.count]);
    };
    const expected = ['docker.io/library/app', '192.0.2.7', bytes, blobs.length];
    await expect
      .poll(async () => {
        const records = await sent();
        const total = (column: number) => records.reduce((sum, record) => sum + Number(record[column]), 0);
        return [records[0]?.[0], records[0]?.[1], total(2), total(3)];
      })
      .toEqual(expected);
  });

  it('has the name of a client that logged in, and pulls that the rules refuse', async () => {
    await using directory = await temporaryDirectory();
    const htpasswd = join(directory.path, 'htpasswd');
    await writeFile(htpasswd, await htpasswdOf({ alice: 'apw', bob: 'bpw' }));
    await using layover = await Layover.start({
      config: {
        proxy: { upstreams: [dockerHubUpstream(hub())] },
        auth: {
          htpasswd: { realm: 'here', path: htpasswd },
          policy: [{ users: ['alice'], repositories: ['docker.io/**'], actions: ['pull'] }],
        },
      },
    });
    const url = `${layover.url}/v2/library/app/manifests/1`;
    for (const headers of [{}, basic('alice', 'wrong'), basic('alice', 'apw'), basic('bob', 'bpw')]) {
      await pull(url, { headers });
    }
    await expect
      .poll(async () => {
        const records = await recordedPulls(layover);
        return records.map(({ user, outcome, error }) => [user, outcome, error]).toSorted();
      })
      .toEqual([
        ['alice', 'miss', undefined],
        ['bob', 'refused', 'DENIED'],
      ]);
    const [refused, ...more] = await recordedPulls(layover, { client: 'bob' });
    expect(more).toEqual([]);
    expect(refused).not.toHaveProperty('digest');
  });

  it.each([
    ['full', '192.0.2.7'],
    ['network', '192.0.2.0/24'],
    ['none', undefined],
  ])('has addresses behind a trusted proxy as audit.addresses is %s', async (addresses, address) => {
    await using layover = await Layover.start({
      config: { proxy: { upstreams: [dockerHubUpstream(hub())] }, http: PROXIED, audit: { addresses } },
    });
    await pull(`${layover.url}/v2/library/app/manifests/1`, { headers: FORWARDED });
    await expect.poll(() => recordedPulls(layover)).toHaveLength(1);
    expect((await recordedPulls(layover))[0]?.address).toBe(address);
    expect(await recordedPulls(layover, { client: '192.0.2.7' })).toHaveLength(address === undefined ? 0 : 1);
  });

  it('is there after a restart, and its records are removed after audit.keep', async () => {
    const clock = new FakeClock();
    await using layover = await startCache(hub(), { clock, upstream: { tags: { ttl: '365d' } }, proxy: { ttl: '0' } });
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    await expect.poll(() => recordedPulls(layover)).toHaveLength(1);
    await layover.restart();
    await clock.advance(29 * DAY_MS);
    await pull(`${layover.url}/v2/library/app/manifests/${app.digest}`);
    await expect
      .poll(async () => (await recordedPulls(layover)).map(({ reference }) => reference))
      .toEqual([app.digest, '1']);
    await clock.advance(2 * DAY_MS);
    await expect
      .poll(async () => (await recordedPulls(layover)).map(({ reference }) => reference))
      .toEqual([app.digest]);
    await clock.advance(30 * DAY_MS);
    await expect.poll(() => recordedPulls(layover)).toEqual([]);
  });

  it('does not exist with audit.keep off', async () => {
    await using layover = await Layover.start({
      config: { proxy: { upstreams: [dockerHubUpstream(hub())] }, audit: { keep: 'off' } },
    });
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    await expect(recordedPulls(layover)).rejects.toThrow('pulls are not recorded: audit.keep is off');
  });

  it('cannot be written: pulls are served, and a warning is logged once', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'file'), 'not a directory');
    const audit = { directory: join(directory.path, 'file', 'pulls') };
    await using layover = await Layover.start({ config: { proxy: { upstreams: [dockerHubUpstream(hub())] }, audit } });
    const url = `${layover.url}/v2/library/app/manifests/1`;
    expect(await pull(url)).toMatchObject({ status: 200, digest: app.digest });
    await layover.waitForOutput(/pulls not recorded/);
    await expect(recordedPulls(layover)).rejects.toThrow();
    expect(await pull(url)).toMatchObject({ status: 200, digest: app.digest });
    expect(layover.output.match(/pulls not recorded/g)).toHaveLength(1);
  });
});
