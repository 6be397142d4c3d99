import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { formatLock } from '../../src/lists/lock-file.ts';
import { layoverCommand } from '../retention/command.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type AskOptions, pull } from './pulling.ts';
import { ending, refusalOf, send, startUpload } from './pushing.ts';
import { cacheConfig, sharedHub, startCache } from './scene.ts';
import { expectNothingBroken } from './stored-data.ts';

const images = new Images();
const bad = images.addImage('library/app', '1', { layers: [4096], seed: 'bad' });
const good = images.addImage('library/app', '2', { layers: [8192], seed: 'good' });
const multi = images.addIndex('library/multi', '1', { layers: [4096] });
const hub = sharedHub(images);

const manifests = (layover: Layover, name: string, reference: string) =>
  `${layover.url}/v2/library/${name}/manifests/${reference}`;
const blobs = (layover: Layover, name: string, digest: string) => `${layover.url}/v2/library/${name}/blobs/${digest}`;
const recall = (layover: Layover, ...args: readonly string[]) =>
  layoverCommand('recall', ...args, '--config', layover.configFile);
const statusOf = async (url: string, options: AskOptions = {}) => (await pull(url, options)).status;

/** Pushes an index that refers to the content. */
function putIndexOf(url: string, digest: string, size: number) {
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const children = [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size }];
  return send('PUT', `${url}/v2/team/app/manifests/1`, {
    body: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: children })),
    headers: { 'content-type': mediaType },
  });
}

describe('layover recall', () => {
  it('refuses a manifest by digest and by tag, names who pulled it, and follows the corrected tag', async () => {
    await using layover = await startCache(hub(), { upstream: { tags: { ttl: '1h' } } });
    await pull(manifests(layover, 'app', '1'), { headers: { 'user-agent': 'node-7' } });
    for (const layer of bad.layers) await pull(blobs(layover, 'app', layer));
    await layover.settled();

    const recalled = await recall(layover, bad.digest, '--reason', 'CVE-2026-1, use 2');
    expect(recalled).toMatchObject({ code: 0, stderr: '' });
    expect(recalled.stdout).toContain(`recalled ${bad.digest}\n\nPulled by:\n`);
    expect(recalled.stdout).toMatch(/127\.0\.0\.1 +pull +docker\.io\/library\/app:1 .*node-7/);

    const byDigest = await pull(manifests(layover, 'app', bad.digest));
    expect([byDigest.status, JSON.parse(byDigest.start.toString())]).toEqual([
      403,
      {
        errors: [
          {
            code: 'DENIED',
            message: `docker.io/library/app@${bad.digest} is denied: CVE-2026-1, use 2`,
            detail: { policy: 'deny', digest: bad.digest, reason: 'CVE-2026-1, use 2' },
          },
        ],
      },
    ]);
    hub().requests.reset();
    expect(await statusOf(manifests(layover, 'app', '1'))).toBe(403);
    expect(await statusOf(manifests(layover, 'app', '1'), { method: 'HEAD' })).toBe(403);
    expect(hub().requests.of('manifest-get')).toEqual([]); // it is not fetched, only asked for
    expect(await statusOf(`${layover.url}/v2/library/app/referrers/${bad.digest}`)).toBe(403);

    await layover.waitForOutput(/msg="content recalled" digests="?sha256:[0-9a-f]{64}"? reason="CVE-2026-1, use 2"/);

    hub().setTag('library/app', '1', good.digest);
    expect(await pull(manifests(layover, 'app', '1'))).toMatchObject({ status: 200, digest: good.digest });
    hub().setTag('library/app', '1', bad.digest);

    await layover.restart();
    expect(await statusOf(manifests(layover, 'app', bad.digest))).toBe(403);
    const listed = await recall(layover, '--list');
    expect(listed.stdout).toMatch(new RegExp(`${bad.digest} +recall +\\d{4}-.*Z +CVE-2026-1, use 2`));
    expect(await recall(layover, '--lift', bad.digest)).toMatchObject({ code: 0, stdout: `lifted ${bad.digest}\n` });
    expect(await pull(manifests(layover, 'app', bad.digest))).toMatchObject({ status: 200, digest: bad.digest });
    await expectNothingBroken(layover);
  });

  it('refuses a layer and the image of one platform, and leaves the others', async () => {
    await using layover = await startCache(hub());
    const { amd64, arm64 } = multi.images;
    const [layer = amd64.config] = amd64.layers;
    await pull(manifests(layover, 'multi', '1'));
    await pull(blobs(layover, 'multi', layer));
    expect(await recall(layover, layer, arm64.digest)).toMatchObject({ code: 0 });
    expect(await statusOf(blobs(layover, 'multi', layer))).toBe(403);
    expect(await statusOf(blobs(layover, 'multi', layer), { headers: { range: 'bytes=0-9' } })).toBe(403);
    expect(await statusOf(blobs(layover, 'multi', layer), { method: 'HEAD' })).toBe(403);
    expect(await statusOf(manifests(layover, 'multi', arm64.digest))).toBe(403);
    expect(await statusOf(manifests(layover, 'multi', amd64.digest))).toBe(200);
    expect(await statusOf(manifests(layover, 'multi', '1'))).toBe(200);
    await layover.settled();
    const { stdout } = await recall(layover, '--list', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ names: [], digests: [{ origin: 'recall' }, { origin: 'recall' }] });
  });

  it('works while the server is stopped', async () => {
    await using layover = await startCache(hub());
    await pull(manifests(layover, 'app', '1'));
    await layover.settled();
    await layover.kill('SIGTERM');
    expect(await recall(layover, bad.digest)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('no server is running'),
    });
    await layover.restart();
    expect(await statusOf(manifests(layover, 'app', bad.digest))).toBe(403);
  });

  it('is known to check and to bundle create, which carries nothing of it', async () => {
    await using layover = await startCache(hub());
    await pull(manifests(layover, 'app', '1'));
    for (const digest of [bad.config, ...bad.layers]) await pull(blobs(layover, 'app', digest));
    await layover.settled();
    const lock = join(layover.dataDirectory, '../lock.yaml');
    const image = { name: 'docker.io/library/app:1', digest: bad.digest, size: 1, manifests: [], attachments: [] };
    await writeFile(lock, formatLock({ platforms: [], images: [image] }));
    expect(await layoverCommand('check', lock, layover.configFile)).toMatchObject({ code: 0 });
    const [layer = bad.config] = bad.layers;
    expect(await recall(layover, layer)).toMatchObject({ code: 0 });
    const denied = `docker.io/library/app@${layer} is denied`;
    const checked = await layoverCommand('check', lock, layover.configFile);
    expect([checked.code, checked.stdout]).toEqual([1, expect.stringContaining(denied)]);
    const output = join(layover.dataDirectory, '../usb');
    const created = await layoverCommand('bundle', 'create', '-o', output, '--from', lock, layover.configFile);
    expect(created).toMatchObject({ code: 1, stderr: expect.stringContaining(denied) });
  });

  it('refuses the content offline, and explains a wrong digest', async () => {
    await using layover = await startCache(hub());
    await pull(manifests(layover, 'app', '1'));
    await layover.settled();
    expect(await recall(layover, bad.digest)).toMatchObject({ code: 0 });
    await layover.restart(cacheConfig(hub(), { proxy: { offline: true } }));
    expect(await statusOf(manifests(layover, 'app', '1'))).toBe(403);
    expect(await recall(layover, 'sha256:12')).toMatchObject({
      code: 1,
      stderr: 'layover: "sha256:12" is not a digest, such as sha256:…\n',
    });
    const unknown = await recall(layover, '--lift', good.digest);
    expect(unknown).toMatchObject({ code: 1, stderr: `layover: ${good.digest} is not recalled\n` });
    expect(await recall(layover)).toMatchObject({ code: 2 });
    expect(await recall(layover, '--list', '--lift')).toMatchObject({ code: 2 });
    await using elsewhere = await temporaryDirectory();
    const lost = await runLayover(['recall', bad.digest], { cwd: elsewhere.path });
    expect(lost).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no storage in') });
    expect(await readdir(elsewhere.path)).toEqual([]);
  });
});

describe('policy.deny', () => {
  it('refuses names and digests of the configuration and of the deny file, which may change', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'denied.txt');
    await writeFile(file, `docker.io/library/multi\n`);
    const deny = { digests: [good.digest], file };
    await using layover = await Layover.start({ config: { ...cacheConfig(hub(), {}), policy: { deny } } });
    expect(await statusOf(manifests(layover, 'app', good.digest))).toBe(403);
    expect(await statusOf(`${layover.url}/v2/library/multi/tags/list`)).toBe(403);
    expect(await statusOf(manifests(layover, 'multi', '1'))).toBe(403);
    expect(hub().requests.of('manifest-get')).toEqual([]);
    expect(await statusOf(manifests(layover, 'app', '1'))).toBe(200);

    await writeFile(`${file}.new`, `${bad.digest} # stolen key\n`);
    await rename(`${file}.new`, file);
    await expect.poll(() => statusOf(manifests(layover, 'app', '1'))).toBe(403);
    expect(await statusOf(manifests(layover, 'multi', '1'))).toBe(200);
    await writeFile(file, 'not a digest\n');
    await layover.waitForOutput(/deny file cannot be read; its previous entries apply/);
    expect(await statusOf(manifests(layover, 'app', '1'))).toBe(403);
  });

  it('is forwarded to no upstream with push: passthrough, and ends the upload there', async () => {
    const layer = Buffer.from('a layer that was stolen');
    const digest = digestOf(layer);
    await using upstream = await Layover.start();
    const proxy = { upstreams: [{ name: 'up.example', remoteurl: upstream.url, push: 'passthrough', default: true }] };
    const config = { proxy, http: { secret: 's' }, policy: { deny: { digests: [digest] } } };
    await using layover = await Layover.start({ config });
    const uploads = (query = '') => `${layover.url}/v2/team/app/blobs/uploads/${query}`;
    const refused = [403, 'DENIED'];
    const upload = await startUpload(layover.url, 'team/app');
    expect(refusalOf(await send('PUT', ending(upload, digest), { body: layer }))).toEqual(refused);
    expect((await send('GET', upload)).status).toBe(404);
    expect(refusalOf(await send('POST', uploads(`?digest=${digest}`), { body: layer }))).toEqual(refused);
    expect(refusalOf(await send('POST', uploads(`?mount=${digest}&from=up.example/team/x`)))).toEqual(refused);
    expect(refusalOf(await putIndexOf(layover.url, digest, layer.length))).toEqual(refused);
    expect(await upstream.visibleBlobs()).toEqual([]);
  });

  it('prevents the start when its file is wrong', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'denied.txt');
    await writeFile(file, 'docker.io/library/app:1\n');
    const config = { ...cacheConfig(hub(), {}), policy: { deny: { file } } };
    await expect(Layover.start({ config })).rejects.toThrow('line 1: must be a digest such as sha256:…');
  });

  it('accepts no push of denied content, and keeps nothing of it', async () => {
    const layer = Buffer.from('a layer that was stolen');
    const digest = digestOf(layer);
    const deny = { digests: [digest], names: ['evil/*'] };
    await using layover = await Layover.start({ config: { policy: { deny } } });
    const uploads = (name: string, query = '') => `${layover.url}/v2/${name}/blobs/uploads/${query}`;
    const refused = [403, 'DENIED'];
    expect(refusalOf(await send('POST', uploads('evil/app')))).toEqual(refused);
    const upload = await startUpload(layover.url, 'team/app');
    expect(refusalOf(await send('PUT', ending(upload, digest), { body: layer }))).toEqual(refused);
    expect((await send('GET', upload)).status).toBe(404);
    expect(refusalOf(await send('POST', uploads('team/app', `?digest=${digest}`), { body: layer }))).toEqual(refused);
    const mount = await send('POST', uploads('team/app', `?mount=${digest}&from=team/other`));
    expect(refusalOf(mount)).toEqual(refused);
    expect((await send('HEAD', `${layover.url}/v2/team/app/blobs/${digest}`)).status).toBe(403);
    expect(await layover.visibleBlobs()).toEqual([]);

    const put = await putIndexOf(layover.url, digest, layer.length);
    expect(refusalOf(put)).toEqual(refused);
  });
});
