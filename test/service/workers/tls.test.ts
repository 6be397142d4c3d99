import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import { type Certified, createCertificate } from '../../auth/certificates.ts';
import { sharedHub } from '../../integration/scene.ts';
import { wholeResponseTo } from '../../support/http-client.ts';
import type { Layover } from '../../support/layover.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { image, images, largeBlob, startWithWorkers } from './scene.ts';

const hub = sharedHub(images);
const MANIFEST = `/v2/library/app/manifests/${image.digest}`;
const directory = await temporaryDirectory();
let [alice, bob]: (Certified | undefined)[] = [];

async function startSecure(config: object): Promise<Layover> {
  const at = (name: string) => join(directory.path, name);
  const server = await createCertificate('localhost');
  const ca = await createCertificate('people', { isCa: true });
  alice = await createCertificate('alice', { by: ca });
  bob = await createCertificate('bob', { by: ca });
  await writeFile(at('cert.pem'), server.cert);
  await writeFile(at('key.pem'), server.key);
  await writeFile(at('ca.pem'), ca.cert);
  const tls = { certificate: at('cert.pem'), key: at('key.pem'), clientcas: [at('ca.pem')] };
  return startWithWorkers(hub(), {
    http: { tls: { ...tls, clientauth: 'verify-client-cert-if-given' }, relativeurls: false },
    config: config as never,
  });
}

afterAll(() => directory[Symbol.asyncDispose]());

describe('HTTP/2', () => {
  let layover: Layover;
  let session: ClientHttp2Session;
  beforeAll(async () => {
    layover = await startSecure({});
    session = connect(layover.url.replace('127.0.0.1', 'localhost'), { rejectUnauthorized: false });
  });
  afterAll(async () => {
    session?.destroy();
    await layover?.[Symbol.asyncDispose]();
  });

  async function send(headers: Record<string, string>, body?: Buffer) {
    const stream = session.request(headers, { endStream: body === undefined });
    const responded = new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.once('response', resolve).once('error', reject);
    });
    if (body !== undefined) stream.end(body);
    const response = await responded;
    return { status: response[':status'], headers: response, body: await buffer(stream) };
  }

  it('gets manifests and blobs, forwarded and permitted', async () => {
    for (let round = 0; round < 3; round++) {
      const manifest = await send({ ':path': MANIFEST });
      expect(digestOf(manifest.body)).toBe(image.digest);
      const blob = await send({ ':path': `/v2/library/app/blobs/${largeBlob.digest}`, range: 'bytes=1-4' });
      expect(blob).toMatchObject({ status: 206, body: Buffer.concat([...largeBlob.read(1, 5)]) });
      expect(await send({ ':path': MANIFEST, ':method': 'HEAD' })).toMatchObject({ status: 200 });
    }
    await expect.poll(() => layover.stdout).toContain('http.request.proto=HTTP/2.0');
  });

  it('pushes without a length, and gets URLs with https', async () => {
    const bytes = Buffer.alloc(300_000, 'pushed');
    const path = `/v2/team/app/blobs/uploads/?digest=${digestOf(bytes)}`;
    const pushed = await send({ ':path': path, ':method': 'POST' }, bytes);
    expect(pushed.status).toBe(201);
    expect(pushed.headers['location']).toMatch(/^https:\/\/localhost:\d+\/v2\/team\/app\/blobs\//);
    expect((await send({ ':path': `/v2/team/app/blobs/${digestOf(bytes)}` })).body.equals(bytes)).toBe(true);
  });

  it('gets errors', async () => {
    expect(await send({ ':path': '/v2/library/app/manifests/none' })).toMatchObject({ status: 404 });
    expect(await send({ ':path': MANIFEST, ':method': 'PUT' }, Buffer.from('{}'))).toMatchObject({ status: 405 });
    expect(await send({ ':path': MANIFEST, ':authority': 'layover', host: 'other' })).toMatchObject({ status: 400 });
  });
});

it('a client certificate identifies the client at the main process, and no other one', async () => {
  await using layover = await startSecure({
    auth: { mtls: {}, policy: [{ users: ['alice'], repositories: ['**'], actions: ['pull'] }] },
  });
  const status = async (who: Certified | undefined) => {
    const url = new URL(MANIFEST, layover.url);
    const options = { ...(who && { cert: who.cert, key: who.key }), rejectUnauthorized: false, agent: false };
    return (await wholeResponseTo(request(url, options).end())).status;
  };
  for (let round = 0; round < 3; round++) {
    expect(await status(alice)).toBe(200);
    expect(await status(bob)).toBe(403);
    expect([401, 403]).toContain(await status(undefined));
  }
});
