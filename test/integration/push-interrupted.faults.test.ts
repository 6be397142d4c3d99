import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { statfs, writeFile } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { canMount, smallDisk } from '../storage/filesystem/small-disk.ts';
import { seededContent } from '../support/content.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { answerOf, ending, keptOf, locationOf, refusalOf, send, startSending, startUpload } from './pushing.ts';

const MIB = 1024 * 1024;
const REPOSITORY = 'team/app';
const SECRET = { http: { secret: 'the same for all replicas' } };

const bytes = randomBytes(9 * MIB);
const digest = digestOf(bytes);

const uploadFiles = ({ dataDirectory }: Pick<Layover, 'dataDirectory'>) =>
  filesBelow(join(dataDirectory, 'docker/registry/v2/repositories', REPOSITORY, '_uploads'));

/** Sends the first bytes of a stream, and waits until some of them have been written. */
async function sendHalf(upload: string) {
  const sending = startSending('PATCH', upload);
  // The test breaks it off.
  sending.on('error', () => {});
  sending.write(bytes.subarray(0, 5 * MIB));
  await expect.poll(() => keptOf(upload)).toBeGreaterThan(MIB);
  return sending;
}

/** However it comes about. */
const closeOf = (sending: ClientRequest) => new Promise((resolve) => sending.once('close', resolve));

async function expectBlob({ url, visibleBlobs }: { url: string; visibleBlobs: Layover['visibleBlobs'] }) {
  const answer = await fetch(`${url}/v2/${REPOSITORY}/blobs/${digest}`);
  expect(digestOf(Buffer.from(await answer.arrayBuffer()))).toBe(digest);
  expect(await visibleBlobs()).toMatchObject([{ digest, intact: true }]);
}

/** Asks how far it is, sends the rest from there, and ends it. */
async function finish(layover: Layover, upload: string): Promise<void> {
  const status = await send('GET', upload);
  expect(status.status).toBe(204);
  const kept = await keptOf(upload);
  expect(kept).toBeLessThanOrEqual(5 * MIB);
  const rest = await send('PATCH', locationOf(status, layover.url), { body: bytes.subarray(kept) });
  expect([rest.status, rest.headers.range]).toEqual([202, `0-${bytes.length - 1}`]);
  expect((await send('PUT', ending(locationOf(rest, layover.url), digest))).status).toBe(201);
  await expectBlob({ url: layover.url, visibleBlobs: () => layover.visibleBlobs() });
  expect(await uploadFiles(layover)).toEqual([]);
}

describe('a push that is broken off', () => {
  it('by the client keeps what came, and goes on from there', async () => {
    await using layover = await Layover.start({ config: SECRET });
    const upload = await startUpload(layover.url, REPOSITORY);
    const sending = await sendHalf(upload);
    const closed = closeOf(sending);
    sending.destroy();
    await closed;
    // All that came is kept, once the registry has noticed.
    await expect.poll(() => keptOf(upload)).toBe(5 * MIB);
    expect(await layover.visibleBlobs()).toEqual([]);
    await finish(layover, upload);
  });

  it('by a kill of the registry keeps what was written, and goes on after the restart', async () => {
    await using layover = await Layover.startProcess({ config: SECRET });
    const upload = await startUpload(layover.url, REPOSITORY);
    const sending = await sendHalf(upload);
    const closed = closeOf(sending);
    await layover.kill('SIGKILL');
    await closed;
    expect(await layover.visibleBlobs()).toEqual([]);
    await layover.restart();
    await finish(layover, upload);
  });

  it('by the end of the registry keeps what came, and goes on after the restart', async () => {
    await using layover = await Layover.start({ config: { http: { ...SECRET.http, draintimeout: '100ms' } } });
    const upload = await startUpload(layover.url, REPOSITORY);
    const sending = await sendHalf(upload);
    const closed = closeOf(sending);
    await layover.restart();
    await closed;
    expect((await uploadFiles(layover)).filter((file) => file.includes('held'))).toEqual([]);
    await finish(layover, upload);
  });
});

describe('replicas that share a directory', () => {
  async function startReplicas() {
    const directory = await temporaryDirectory();
    const start = () => Layover.startProcess({ config: SECRET, dataDirectory: directory.path });
    const [first, second] = await Promise.all([start(), start()]);
    return {
      first,
      second,
      async [Symbol.asyncDispose]() {
        await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
        await directory[Symbol.asyncDispose]();
      },
    };
  }
  const at = ({ url }: Layover, location: string) => location.replace(/^http:\/\/[^/]+/, url);

  it.each(['chunks', 'streams'])('take the %s of one push in turn', async (kind) => {
    await using replicas = await startReplicas();
    const { first, second } = replicas;
    let upload = await startUpload(first.url, REPOSITORY);
    const cuts = [0, MIB, 3 * MIB, 3 * MIB + 1, bytes.length];
    for (const [i, start] of cuts.slice(0, -1).entries()) {
      const replica = i % 2 === 0 ? second : first;
      const body = bytes.subarray(start, cuts[i + 1]);
      const headers = kind === 'chunks' ? { 'content-range': `${start}-${start + body.length - 1}` } : {};
      const answer = await send('PATCH', at(replica, upload), { body, headers });
      expect(answer.status).toBe(202);
      upload = locationOf(answer, replica.url);
      expect(await keptOf(at(first, upload))).toBe(start + body.length);
    }
    expect((await send('PUT', ending(at(first, upload), digest))).status).toBe(201);
    await expectBlob({ url: second.url, visibleBlobs: () => second.visibleBlobs() });
  });

  it('never take two pieces at once, and the one that came later is told so', async () => {
    await using replicas = await startReplicas();
    const { first, second } = replicas;
    const upload = await startUpload(first.url, REPOSITORY);
    const sending = await sendHalf(upload);
    const other = await send('PATCH', at(second, upload), { body: Buffer.alloc(MIB) });
    expect(refusalOf(other)).toEqual([416, 'RANGE_INVALID']);
    sending.end(bytes.subarray(5 * MIB));
    const answer = await answerOf(sending);
    expect([answer.status, answer.headers.range]).toEqual([202, `0-${bytes.length - 1}`]);
    const end = ending(at(second, locationOf(answer, first.url)), digest);
    expect((await send('PUT', end)).status).toBe(201);
    await expectBlob({ url: first.url, visibleBlobs: () => first.visibleBlobs() });
  });

  it('go on when the one that was sent to was killed', async () => {
    await using replicas = await startReplicas();
    const { first, second } = replicas;
    const upload = await startUpload(first.url, REPOSITORY);
    const sending = await sendHalf(upload);
    const closed = closeOf(sending);
    await first.kill('SIGKILL');
    await closed;
    await finish(second, at(second, upload));
    expect(await second.visibleBlobs()).toMatchObject([{ digest, intact: true }]);
  });
});

describe('a push', () => {
  it('of much more than fits into memory takes little of it', async () => {
    await using layover = await Layover.startProcess();
    const content = seededContent('large', 400 * MIB);
    const before = await layover.peakRss();
    const upload = await startUpload(layover.url, REPOSITORY);
    const sending = startSending('PATCH', upload);
    for (const chunk of content.read()) if (!sending.write(chunk)) await once(sending, 'drain');
    sending.end();
    const patched = await answerOf(sending);
    expect(patched.status).toBe(202);
    const ended = await send('PUT', ending(locationOf(patched, layover.url), content.digest));
    expect(ended.status).toBe(201);
    expect((await layover.peakRss()) - before).toBeLessThan(120 * MIB);
    expect(await layover.visibleBlobs()).toMatchObject([{ digest: content.digest, intact: true }]);
  }, 120_000);
});

const mountable = await canMount();
if (!mountable) console.warn('this user may not mount a tmpfs: the test of a push to a full disk is skipped');

/** Skipped where file systems can not be mounted: it takes root. */
describe.skipIf(!mountable)('a push to a disk that is full', () => {
  it('is refused with 507, shows nothing, and works when there is room again', async () => {
    await using disk = await smallDisk('24m');
    await using layover = await Layover.start({ config: SECRET, dataDirectory: join(disk.path, 'data') });
    const ballast = join(disk.path, 'ballast');
    const { bavail, bsize } = await statfs(disk.path);
    await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 5 * MIB)));
    const upload = await startUpload(layover.url, REPOSITORY);
    const refused = await send('PATCH', upload, { body: bytes });
    expect(refusalOf(refused)).toEqual([507, 'UNAVAILABLE']);
    expect((await send('GET', upload)).headers.range).toBe('0-0');
    expect(await layover.visibleBlobs()).toEqual([]);
    await writeFile(ballast, '');
    const answer = await send('PUT', ending(upload, digest), { body: bytes });
    expect(answer.status).toBe(201);
    await expectBlob({ url: layover.url, visibleBlobs: () => layover.visibleBlobs() });
  });
});
