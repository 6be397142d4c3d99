import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { answerOf, ending, keptOf, locationOf, send, startSending, startUpload } from '../integration/pushing.ts';
import { filesBelow, readVisibleBlobs } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import { sharedS3, versitygw } from './s3-scene.ts';
import { ACCESS_KEY, BUCKET, SECRET_KEY } from './versitygw.ts';

const MIB = 1024 * 1024;
const REPOSITORY = 'team/app';

describe.skipIf(versitygw === undefined)('pushing blobs to S3', () => {
  const server = sharedS3();
  let replicas: readonly [Layover, Layover];
  beforeAll(async () => {
    const s3 = { bucket: BUCKET, accesskey: ACCESS_KEY, secretkey: SECRET_KEY, regionendpoint: server().url };
    const config = {
      storage: { filesystem: undefined, s3: { ...s3, chunksize: 5 * MIB, rootdirectory: 'pushed' } },
      http: { secret: 'the same for all replicas' },
    };
    replicas = [await Layover.startProcess({ config }), await Layover.startProcess({ config })];
  });
  afterAll(() => Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]())));

  const at = ({ url }: Layover, location: string) => location.replace(/^http:\/\/[^/]+/, url);
  const root = () => join(server().bucketDirectory, 'pushed');
  const leftOfUploads = async () => (await filesBelow(root())).filter((file) => file.includes('_uploads'));

  async function expectPushed(bytes: Buffer) {
    const digest = digestOf(bytes);
    for (const { url } of replicas) {
      const answer = await fetch(`${url}/v2/${REPOSITORY}/blobs/${digest}`);
      expect(digestOf(Buffer.from(await answer.arrayBuffer()))).toBe(digest);
    }
    expect(await readVisibleBlobs(root())).toContainEqual(expect.objectContaining({ digest, intact: true }));
    expect(await leftOfUploads()).toEqual([]);
  }

  it('says how large chunks should be, and takes smaller ones as well', async () => {
    const [first, second] = replicas;
    const started = await send('POST', `${first.url}/v2/${REPOSITORY}/blobs/uploads/`);
    expect(started.headers['oci-chunk-min-length']).toBe(String(5 * MIB));
    let upload = locationOf(started, first.url);
    const bytes = randomBytes(13 * MIB);
    const cuts = [0, 6 * MIB, 6 * MIB + 10, 7 * MIB, 12 * MIB + 1];
    for (const [i, start] of cuts.slice(0, -1).entries()) {
      const body = bytes.subarray(start, cuts[i + 1]);
      const headers = { 'content-range': `${start}-${start + body.length - 1}` };
      const answer = await send('PATCH', at(i % 2 === 0 ? second : first, upload), { body, headers });
      expect([answer.status, answer.headers.range]).toEqual([202, `0-${start + body.length - 1}`]);
      upload = locationOf(answer, first.url);
    }
    const end = await send('PUT', ending(upload, digestOf(bytes)), { body: bytes.subarray(12 * MIB + 1) });
    expect(end.status).toBe(201);
    await expectPushed(bytes);
  });

  it('keeps what came before a client hung up, and goes on at another replica', async () => {
    const [first, second] = replicas;
    const bytes = randomBytes(11 * MIB);
    const upload = await startUpload(first.url, REPOSITORY);
    const sending = startSending('PATCH', upload);
    sending.on('error', () => {}); // of the connection that the test breaks
    await new Promise((resolve) => sending.write(bytes.subarray(0, 8 * MIB), resolve));
    sending.destroy();
    await expect.poll(() => keptOf(at(second, upload))).toBeGreaterThan(MIB);
    const status = await send('GET', at(second, upload));
    const kept = await keptOf(at(second, upload));
    const rest = startSending('PATCH', locationOf(status, second.url));
    rest.end(bytes.subarray(kept));
    const answer = await answerOf(rest);
    expect([answer.status, answer.headers.range]).toEqual([202, `0-${bytes.length - 1}`]);
    const end = ending(at(first, locationOf(answer, second.url)), digestOf(bytes));
    expect((await send('PUT', end)).status).toBe(201);
    await expectPushed(bytes);
  });

  it('leaves nothing of wrong bytes, or of an upload that was cancelled', async () => {
    const [first] = replicas;
    const wrong = ending(await startUpload(first.url, REPOSITORY), digestOf(Buffer.from('others')));
    expect((await send('PUT', wrong, { body: randomBytes(6 * MIB) })).status).toBe(400);
    const cancelled = await startUpload(first.url, REPOSITORY);
    await send('PATCH', cancelled, { body: randomBytes(6 * MIB) });
    expect((await send('DELETE', cancelled)).status).toBe(204);
    expect(await leftOfUploads()).toEqual([]);
  });
});
