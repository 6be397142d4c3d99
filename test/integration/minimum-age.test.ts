import { describe, expect, it } from 'vitest';

import { SIGNERS, type Signer } from '../signatures/material.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import type { ConfigObject, Layover } from '../support/layover.ts';
import { blobUrl, manifestUrl, statusOf, withAuthority } from './admission-scene.ts';
import { pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { signByReferrer } from './signed-images.ts';

const signer = (SIGNERS['EC P-256'] as () => Signer)();
const images = new Images();
const a = images.addImage('library/app', '1', { layers: [4096], seed: 'a' });
const [b, c, d] = ['b', 'c', 'd'].map((seed) =>
  images.addImage('library/app', undefined, { layers: [4096], seed }),
) as [typeof a, typeof a, typeof a];
signByReferrer(images, 'library/app', d, signer);
const hub = sharedHub(images);
const { start, configOf } = withAuthority(hub, signer);

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RULE = { images: ['docker.io/library/**'], minage: '72h' };

const startAged = (clock: FakeClock, rule: ConfigObject = {}, admission: ConfigObject = {}) => {
  hub().setTag('library/app', '1', a.digest);
  return start({ rules: [{ ...RULE, ...rule }], admission, clock, upstream: { tags: { ttl: '1m' } } });
};
const pullTag = (layover: Layover, method: 'GET' | 'HEAD' = 'GET') =>
  pull(manifestUrl(layover, 'library/app', '1'), { method });
/** The digest that a tag is served as, and the held one. */
const servedAs = async (layover: Layover) => {
  const { status, headers } = await pullTag(layover);
  return [status, headers['docker-content-digest'], headers['layover-held']];
};

describe('minimum age', () => {
  it('serves the newest digest that the tag has named for long enough', async () => {
    const clock = new FakeClock();
    await using layover = await startAged(clock, { onnone: 'allow' });
    expect(await servedAs(layover)).toEqual([200, a.digest, undefined]);
    await clock.advance(30 * DAY);
    expect(await servedAs(layover)).toEqual([200, a.digest, undefined]);

    hub().setTag('library/app', '1', b.digest);
    await clock.advance(2 * 60_000);
    const until = new Date(clock.now() + 3 * DAY).toISOString().replace(/\.\d+/, '');
    for (const method of ['GET', 'HEAD'] as const) {
      expect((await pullTag(layover, method)).headers).toMatchObject({
        'docker-content-digest': a.digest,
        'layover-held': b.digest,
        warning: `199 - "held until ${until}"`,
        'x-cache': 'HIT',
      });
    }
    await clock.advance(2 * DAY);
    expect(await servedAs(layover)).toEqual([200, a.digest, b.digest]);

    hub().setTag('library/app', '1', c.digest);
    await clock.advance(2 * DAY);
    expect(await servedAs(layover)).toEqual([200, a.digest, c.digest]); // b was named for two days
    await layover.restart();
    await clock.advance(2 * DAY);
    expect(await servedAs(layover)).toEqual([200, a.digest, c.digest]);
    await clock.advance(DAY);
    expect(await servedAs(layover)).toEqual([200, c.digest, undefined]);
    await layover.waitForOutput(/msg="content held" .*tag="?1"? digest="?sha256:/);
  });

  it('refuses a tag with the date while nothing is old enough, and serves digests', async () => {
    const clock = new FakeClock();
    await using layover = await startAged(clock);
    const until = new Date(clock.now() + 3 * DAY).toISOString().replace(/\.\d+/, '');
    const refused = await pullTag(layover);
    const reason = `held until ${until}`;
    expect([refused.status, refused.headers['retry-after'], JSON.parse(refused.start.toString())]).toEqual([
      403,
      undefined,
      {
        errors: [
          {
            code: 'DENIED',
            message: `docker.io/library/app@${a.digest}: ${reason}`,
            detail: { policy: 'admission', rule: '1', reason, digest: a.digest },
          },
        ],
      },
    ]);
    expect(await statusOf(manifestUrl(layover, 'library/app', a.digest))).toBe(200);
    expect(await statusOf(blobUrl(layover, 'library/app', a.config))).toBe(200);
    await clock.advance(2 * DAY + HOUR);
    expect(await pullTag(layover)).toMatchObject({ status: 403, headers: { 'retry-after': `${23 * 3600}` } });
    await clock.advance(-DAY);
    expect((await pullTag(layover)).status).toBe(403);
    await clock.advance(2 * DAY);
    expect((await pullTag(layover)).status).toBe(200);
  });

  it('holds digests and their blobs, too, with digests: wait', async () => {
    const clock = new FakeClock();
    await using layover = await startAged(clock, { digests: 'wait' });
    const urls = [
      manifestUrl(layover, 'library/app', '1'),
      manifestUrl(layover, 'library/app', a.digest),
      ...[a.config, ...a.layers].map((digest) => blobUrl(layover, 'library/app', digest)),
    ];
    const statuses = () => Promise.all(urls.map((url) => statusOf(url)));
    await statuses();
    expect(new Set(await statuses())).toEqual(new Set([403]));
    await layover.settled();
    expect(new Set(await statuses())).toEqual(new Set([403]));
    await clock.advance(3 * DAY + HOUR);
    for (const url of urls) expect(await statusOf(url)).toBe(200);
  });

  it('does not hold images that an authority has signed, nor exempt tags', async () => {
    const clock = new FakeClock();
    await using layover = await startAged(clock, {
      unless: { signedby: ['acme'] },
      exempt: ['docker.io/library/app:nightly'],
    });
    hub().setTag('library/app', 'nightly', b.digest);
    expect((await pullTag(layover)).status).toBe(403);
    hub().setTag('library/app', '1', d.digest);
    await clock.advance(HOUR);
    expect(await servedAs(layover)).toEqual([200, d.digest, undefined]);
    expect(await statusOf(manifestUrl(layover, 'library/app', 'nightly'))).toBe(200);
  });

  it('serves exempt tags with digests: wait', async () => {
    await using layover = await startAged(new FakeClock(), {
      digests: 'wait',
      exempt: ['docker.io/library/app:nightly'],
    });
    hub().setTag('library/app', 'nightly', b.digest);
    const nightly = manifestUrl(layover, 'library/app', 'nightly');
    expect(await statusOf(nightly, { method: 'HEAD' })).toBe(200);
    expect(await statusOf(nightly)).toBe(200);
    expect(await statusOf(blobUrl(layover, 'library/app', b.config))).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'library/app', a.digest))).toBe(403);
  });

  it('serves and marks what it would hold, with an audit', async () => {
    const clock = new FakeClock();
    await using layover = await startAged(clock, {}, { mode: 'audit' });
    expect(await pullTag(layover)).toMatchObject({ status: 200, headers: { 'layover-policy': 'would-hold; rule=1' } });
  });

  it('admits nothing for the time after an audit', async () => {
    const clock = new FakeClock();
    hub().setTag('library/app', '1', a.digest);
    const options = (mode: string) => ({
      rules: [{ ...RULE, digests: 'wait' }],
      admission: { mode },
      clock,
      upstream: { tags: { ttl: '1m' } },
    });
    await using layover = await start(options('audit'));
    expect(await pullTag(layover)).toMatchObject({ status: 200, headers: { 'layover-policy': 'would-hold; rule=1' } });
    await layover.restart(configOf(options('enforce')));
    expect((await pullTag(layover)).status).toBe(403);
    expect(await statusOf(manifestUrl(layover, 'library/app', a.digest))).toBe(403);
    expect(await statusOf(blobUrl(layover, 'library/app', a.config))).toBe(403);
  });

  it('fetches a new image before it is old enough', async () => {
    const clock = new FakeClock();
    await using layover = await startAged(clock, { unknown: 'allow', prefetch: true });
    expect(await servedAs(layover)).toEqual([200, a.digest, undefined]);
    hub().setTag('library/app', '1', b.digest);
    await clock.advance(HOUR);
    hub().requests.reset();
    expect(await servedAs(layover)).toEqual([200, a.digest, b.digest]);
    await expect
      .poll(() => hub().requests.all.map(({ reference }) => reference))
      .toEqual(expect.arrayContaining([b.digest, b.config]));
    await layover.settled();
    expect(await servedAs(layover)).toEqual([200, a.digest, b.digest]);
  });
});
