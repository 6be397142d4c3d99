import { describe, expect, it } from 'vitest';

import { SIGNERS, type Signer } from '../signatures/material.ts';
import { Images, type Manifest } from '../support/images.ts';
import type { ConfigObject } from '../support/layover.ts';
import { blobUrl, manifestUrl, statusOf, withAuthority } from './admission-scene.ts';
import { pull } from './pulling.ts';
import { send } from './pushing.ts';
import { sharedHub } from './scene.ts';
import { attachBundle, attachUnder, signByReferrer, signByTag } from './signed-images.ts';
import { expectNothingBroken } from './stored-data.ts';

const signer = (SIGNERS['EC P-256'] as () => Signer)();
const stranger = (SIGNERS['EC P-256'] as () => Signer)();
const images = new Images();
const byTag = images.addImage('acme/app', 'tagged', { layers: [4096] });
const byReferrer = images.addImage('acme/app', 'referred', { layers: [8192] });
const unsigned = images.addImage('acme/app', 'unsigned', { layers: [12_288] });
const wrongKey = images.addImage('acme/app', 'stranger');
const copied = images.addImage('acme/app', 'copied');
const multi = images.addIndex('acme/multi', '1', { layers: [4096] });
const free = images.addImage('library/free', '1');
const signature = signByTag(images, 'acme/app', byTag, signer);
const bundle = signByReferrer(images, 'acme/app', byReferrer, signer);
signByReferrer(images, 'acme/app', wrongKey, stranger);
signByReferrer(images, 'acme/app', copied, signer, {
  change: (statement) => Object.assign(statement, { subject: [{ digest: { sha256: byTag.digest.slice(7) } }] }),
});
signByTag(images, 'acme/multi', multi, signer);
// Whoever can push can attach content, also one whose layer has the digest of an image.
const smuggled = [1, 2].map((seed) => images.addImage('acme/app', undefined, { seed: `smuggled ${seed}` }));
const [byReference, byDigestTag] = smuggled as unknown as [Manifest, Manifest];
const carrier = attachBundle(images, 'acme/app', byReferrer, byReference.bytes);
const carrierTag = `${byTag.digest.replace(':', '-')}.att`;
attachUnder(images, 'acme/app', carrierTag, byDigestTag.bytes);
const hub = sharedHub(images);

const { start: startWith } = withAuthority(hub, signer);

const RULE = { images: ['docker.io/acme/**'], signedby: ['acme'] };
const start = (rules: readonly ConfigObject[] = [RULE], proxy: ConfigObject = {}) => startWith({ rules, proxy });

const signatureRequests = () => hub().requests.all.filter(({ reference }) => reference?.endsWith('.sig')).length;

describe('admission by signatures', () => {
  it('serves images that are signed in either format, with their signatures', async () => {
    await using layover = await start();
    for (const [image, tag] of [
      [byTag, 'tagged'],
      [byReferrer, 'referred'],
    ] as const) {
      expect(await pull(manifestUrl(layover, 'acme/app', tag))).toMatchObject({ status: 200, digest: image.digest });
      for (const digest of [image.config, ...image.layers])
        expect(await statusOf(blobUrl(layover, 'acme/app', digest))).toBe(200);
      expect(await statusOf(`${layover.url}/v2/acme/app/referrers/${image.digest}`)).toBe(200);
    }
    const tag = `${byTag.digest.replace(':', '-')}.sig`;
    expect(await pull(manifestUrl(layover, 'acme/app', tag))).toMatchObject({ status: 200, digest: signature.digest });
    expect(await statusOf(manifestUrl(layover, 'acme/app', tag), { method: 'HEAD' })).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/app', signature.digest))).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/app', bundle.digest))).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'library/free', '1'))).toBe(200);
    for (const digest of [free.config, ...free.layers])
      expect(await statusOf(blobUrl(layover, 'library/free', digest))).toBe(200);
    await expectNothingBroken(layover);
  });

  it('shows an image that is not signed to operators alone', async () => {
    await using layover = await start();
    for (const tag of ['unsigned', 'tagged']) await pull(manifestUrl(layover, 'acme/app', tag));
    // With this header, the client is not known to be on this machine.
    const viewer = { headers: { 'x-forwarded-for': '192.0.2.1' } };
    const read = (query: string, client = {}) =>
      statusOf(`${layover.url}/admin/api/v1/${query.replace('?', '?repository=docker.io/acme/app&')}`, client);
    const shown = async (client = {}) => [
      await read('manifest?reference=tagged', client),
      await read('manifest?reference=unsigned', client),
      await read(`manifest?reference=${unsigned.digest}`, client),
    ];
    expect(await shown()).toEqual([200, 200, 200]);
    expect(await shown(viewer)).toEqual([200, 404, 404]);
    expect(await read(`layer?digest=${unsigned.layers[0]}`, viewer)).toBe(404);
    expect(await read('manifest?reference=tagged&fetch=1', viewer)).toBe(403);
  });

  it('serves nothing of an image that is not signed, although it is stored', async () => {
    await using layover = await start();
    const refused = await pull(manifestUrl(layover, 'acme/app', 'unsigned'));
    const reason = 'no signature of acme';
    expect([refused.status, JSON.parse(refused.start.toString())]).toEqual([
      403,
      {
        errors: [
          {
            code: 'DENIED',
            message: `docker.io/acme/app@${unsigned.digest}: ${reason}`,
            detail: { policy: 'admission', rule: '1', reason, digest: unsigned.digest },
          },
        ],
      },
    ]);
    const refusals = async () => {
      for (const method of ['GET', 'HEAD'] as const) {
        expect(await statusOf(manifestUrl(layover, 'acme/app', 'unsigned'), { method })).toBe(403);
        expect(await statusOf(manifestUrl(layover, 'acme/app', unsigned.digest), { method })).toBe(403);
        for (const digest of [unsigned.config, ...unsigned.layers])
          expect(await statusOf(blobUrl(layover, 'acme/app', digest), { method })).toBe(403);
      }
      const [layer = unsigned.config] = unsigned.layers;
      expect(await statusOf(blobUrl(layover, 'acme/app', layer), { headers: { range: 'bytes=0-9' } })).toBe(403);
      expect(await statusOf(`${layover.url}/v2/acme/app/referrers/${unsigned.digest}`)).toBe(403);
    };
    await refusals();
    await layover.restart();
    await refusals();
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'stranger'))).toBe(403);
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'copied'))).toBe(403);
    await expectNothingBroken(layover);
  });

  it('admits the images of a signed index, and decides alone about one whose index was not pulled', async () => {
    await using layover = await start();
    const { amd64, arm64 } = multi.images;
    expect(await statusOf(manifestUrl(layover, 'acme/multi', arm64.digest))).toBe(403);
    expect(await statusOf(manifestUrl(layover, 'acme/multi', '1'))).toBe(200);
    for (const image of [amd64, arm64]) {
      expect(await statusOf(manifestUrl(layover, 'acme/multi', image.digest))).toBe(200);
      for (const digest of [image.config, ...image.layers])
        expect(await statusOf(blobUrl(layover, 'acme/multi', digest))).toBe(200);
    }
    await layover.restart();
    expect(await statusOf(blobUrl(layover, 'acme/multi', arm64.config))).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/multi', amd64.digest))).toBe(200);
  });

  it('admits no image that an attachment names as its content', async () => {
    await using layover = await start();
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'referred'))).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'tagged'))).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/app', carrier.digest))).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/app', carrierTag))).toBe(200);
    const refusals = async () => {
      for (const { digest } of smuggled) expect(await statusOf(manifestUrl(layover, 'acme/app', digest))).toBe(403);
    };
    // As content of an attachment it is served, and as an image it is not.
    for (const { digest } of smuggled) expect(await statusOf(blobUrl(layover, 'acme/app', digest))).toBe(200);
    await refusals();
    await layover.restart();
    await refusals();
  });

  it('decides once for fifty clients', async () => {
    await using layover = await start();
    hub().requests.reset();
    const statuses = await Promise.all(
      Array.from({ length: 50 }, () => statusOf(manifestUrl(layover, 'acme/app', 'tagged'))),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    const afterwards = signatureRequests();
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'tagged'))).toBe(200);
    expect(signatureRequests()).toBe(afterwards);
    expect(afterwards).toBeLessThanOrEqual(2); // a HEAD and a GET
  });

  it('responds with 503 while signatures cannot be fetched, and serves what it has decided before', async () => {
    await using layover = await start();
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'tagged'))).toBe(200);
    hub().faults.add({ on: 'referrers' }, { answer: { status: 500 } });
    const delayed = await pull(manifestUrl(layover, 'acme/app', 'referred'));
    expect(delayed).toMatchObject({ status: 503, headers: { 'retry-after': expect.stringMatching(/^(?:29|30)$/) } });
    expect(JSON.parse(delayed.start.toString())).toMatchObject({
      errors: [{ code: 'UNAVAILABLE', detail: { policy: 'admission', rule: '1', digest: byReferrer.digest } }],
    });
    await layover.restart();
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'tagged'))).toBe(200);
  });

  it('serves and marks what it would refuse, with an audit', async () => {
    await using layover = await start([{ ...RULE, mode: 'audit', name: 'acme images' }]);
    const marked = { 'layover-policy': 'would-deny; rule=acme images' };
    expect(await pull(manifestUrl(layover, 'acme/app', 'unsigned'))).toMatchObject({ status: 200, headers: marked });
    expect(await pull(manifestUrl(layover, 'acme/app', 'unsigned'), { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: marked,
    });
    for (const digest of [unsigned.config, ...unsigned.layers])
      expect(await statusOf(blobUrl(layover, 'acme/app', digest))).toBe(200);
    expect((await pull(manifestUrl(layover, 'acme/app', 'tagged'))).headers).not.toHaveProperty('layover-policy');
  });

  it('lists referrers as without a rule, with an audit', async () => {
    await using layover = await start([{ ...RULE, mode: 'audit' }]);
    hub().faults.add({ on: ['manifest-head', 'manifest-get'] }, { answer: { status: 500 } });
    expect(await statusOf(`${layover.url}/v2/acme/app/referrers/${byReferrer.digest}`)).toBe(200);
  });

  it('mounts nothing that is not admitted', async () => {
    await using layover = await start([RULE], { hosted: ['team/**'] });
    await statusOf(manifestUrl(layover, 'acme/app', 'unsigned'));
    const [layer = unsigned.config] = unsigned.layers;
    await statusOf(blobUrl(layover, 'acme/app', layer));
    const mount = (from: string, digest: string) =>
      send('POST', `${layover.url}/v2/team/app/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`);
    expect((await mount('docker.io/acme/app', layer)).status).toBe(202);
    await statusOf(manifestUrl(layover, 'acme/app', 'tagged'));
    const [good = byTag.config] = byTag.layers;
    expect(await statusOf(blobUrl(layover, 'acme/app', good))).toBe(200);
    await layover.settled();
    expect((await mount('docker.io/acme/app', good)).status).toBe(201);
  });

  it('is decided by the first rule that matches', async () => {
    await using layover = await start([
      { images: ['docker.io/acme/multi'], static: 'deny' },
      { images: ['docker.io/acme/app'], static: 'allow' },
      RULE,
    ]);
    expect(await statusOf(manifestUrl(layover, 'acme/multi', '1'))).toBe(403);
    expect(await statusOf(blobUrl(layover, 'acme/multi', multi.images.amd64.config))).toBe(403);
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'unsigned'))).toBe(200);
  });
});
