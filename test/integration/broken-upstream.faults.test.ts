import { describe, expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { startServer } from '../support/start-server.ts';
import { ask, finish, pull, readSome } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const MIB = 1024 * 1024;
const NAME = 'library/app';
const images = new Images();
const large = images.addBlob(NAME, seededContent('large', 256 * MIB));
const blob = images.addBlob(NAME, seededContent('blob', 16 * MIB));
const hub = sharedHub(images);

const cdnBytes = () => hub().requests.bytes('cdn-get');

describe('an upstream connection that breaks in a blob', () => {
  it('is resumed three times without the client noticing', { timeout: 120_000 }, async () => {
    await using layover = await startCache(hub());
    hub().faults.cutBody(60 * MIB, { on: 'cdn-get', times: 3 });

    const pulled = await pull(`${layover.url}/v2/${NAME}/blobs/${large.digest}`);

    expect(pulled).toMatchObject({ status: 200, complete: true, size: large.size, digest: large.digest });
    // Asked again at the registry each time: a signed URL may have expired meanwhile.
    expect(hub().requests.count('blob-get')).toBe(4);
    expect(
      hub()
        .requests.of('cdn-get')
        .map(({ range }) => range),
    ).toEqual([undefined, ...[1, 2, 3].map(() => expect.stringMatching(/^bytes=\d+-$/))]);
    expect(cdnBytes() / large.size).toBeLessThanOrEqual(1.05);
    await expectStored(layover, [large.digest]);
  });

  it('is resumed with a new signature when the old one has expired', async () => {
    await using layover = await startCache(hub());
    hub().signedUrls.lifetimeMs = 50;
    hub().faults.throttle(8 * MIB, { on: 'cdn-get', times: 1 });
    hub().faults.cutBody(4 * MIB, { on: 'cdn-get', times: 1 });
    const pulled = await pull(`${layover.url}/v2/${NAME}/blobs/${blob.digest}`);
    hub().signedUrls.lifetimeMs = 60_000;
    expect(pulled).toMatchObject({ complete: true, digest: blob.digest });
    expect(
      hub()
        .requests.of('cdn-get')
        .map(({ status }) => status),
    ).toEqual([200, 206]);
    await expectStored(layover, [blob.digest]);
  });

  it('is resumed also at an upstream that does not know ranges', async () => {
    const bytes = Buffer.concat([...blob.read()]);
    let asked = 0;
    await using upstream = await startServer((_req, res) => {
      res.writeHead(200, { 'content-length': bytes.length });
      if (++asked > 1) res.end(bytes);
      else res.write(bytes.subarray(0, 4 * MIB), () => res.destroy());
    });
    await using layover = await startCache(upstream);
    const pulled = await pull(`${layover.url}/v2/${NAME}/blobs/${blob.digest}`);
    expect(pulled).toMatchObject({ complete: true, digest: blob.digest });
    expect(asked).toBe(2);
    await expectStored(layover, [blob.digest]);
  });
});

describe('an upstream that does not come back', () => {
  it('ends the client connection, keeps the spool, and is resumed by the next request', async () => {
    const clock = new FakeClock();
    await using layover = await startCache(hub(), { clock });
    const url = `${layover.url}/v2/${NAME}/blobs/${blob.digest}`;
    hub().faults.hangMidBody(10 * MIB, { on: 'cdn-get' });
    const answers = await Promise.all([ask(url), ask(url)]);
    const [first] = answers;
    const begun = await readSome(first, 9 * MIB);
    await hub().stop();

    const ended = await clock.advanceUntil(Promise.all(answers.map(finish)));

    expect(ended.map(({ status, complete }) => ({ status, complete }))).toEqual([
      { status: 200, complete: false },
      { status: 200, complete: false },
    ]);
    expect(begun.length + (ended[0]?.size ?? 0)).toBeLessThan(blob.size);
    await expectNotStored(layover, [blob.digest]);
    const [spool] = await layover.spools();
    expect(spool?.size).toBeGreaterThan(9 * MIB);
    expect(spool?.size).toBeLessThan(blob.size);

    hub().faults.clear();
    await hub().resume();
    hub().requests.reset();
    // The breaker lets nothing through for a while after such a failure.
    const again = () => clock.advanceUntil(pull(url));
    await expect.poll(again, { timeout: 20_000, interval: 20 }).toMatchObject({ complete: true, digest: blob.digest });
    expect(
      hub()
        .requests.of('cdn-get')
        .map(({ range }) => range),
    ).toEqual([`bytes=${spool?.size}-`]);
    expect(cdnBytes()).toBe(blob.size - (spool?.size ?? 0));
    await expectStored(layover, [blob.digest]);
  });
});
