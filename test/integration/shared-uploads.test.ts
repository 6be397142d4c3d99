import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { seededContent } from '../support/content.ts';
import { type DockerRegistry, startDockerRegistryOn } from '../support/docker-registry.ts';
import { Layover } from '../support/layover.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { expectNothingBroken } from './stored-data.ts';

const program = await findProgram('docker-registry');
if (program === undefined) console.warn('docker-registry is missing: the tests of uploads shared with it are skipped');

const REPOSITORY = 'team/app';
const SECRET = { http: { secret: 'of both' } };
/** More than a chunk for which no record of the hash is written. */
const BYTES = 9_000_000;
const HALF = 4_500_000;

interface Both extends AsyncDisposable {
  readonly layover: Layover;
  readonly distribution: DockerRegistry;
  /** Of the repository's upload sessions. */
  uploads(): Promise<readonly string[]>;
}

async function startBoth(distributionConfig: Readonly<Record<string, unknown>> = SECRET): Promise<Both> {
  const root = await temporaryDirectory();
  const distribution = await startDockerRegistryOn(program as string, root.path, distributionConfig);
  const layover = await Layover.start({ config: SECRET, dataDirectory: root.path });
  const uploads = join(root.path, 'docker/registry/v2/repositories', REPOSITORY, '_uploads');
  return {
    layover,
    distribution,
    uploads: () => readdir(uploads),
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await distribution[Symbol.asyncDispose]();
      await root[Symbol.asyncDispose]();
    },
  };
}

type Send = (location: string, init: RequestInit) => Promise<Response>;

/** Sends each request to the registry whose turn it is. */
function inTurns({ layover, distribution }: Both, turns: string): Send {
  let next = 0;
  return async (location, init) => {
    const { url } = turns[next++ % turns.length] === 'L' ? layover : distribution;
    const { pathname, search } = new URL(location, url);
    return fetch(`${url}${pathname}${search}`, init);
  };
}

async function startUpload(send: Send): Promise<string> {
  const started = await send(`/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' });
  expect(started.status).toBe(202);
  return started.headers.get('location') ?? '';
}

async function sendChunk(send: Send, location: string, body: Buffer<ArrayBuffer>): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream' };
  const response = await send(location, { method: 'PATCH', headers, body });
  expect([response.status, await response.text()]).toEqual([202, '']);
  return response.headers.get('location') ?? '';
}

async function finishUpload(send: Send, location: string, digest: string): Promise<Response> {
  return send(`${location}&digest=${digest}`, { method: 'PUT' });
}

function bytesOf(seed: string): Buffer<ArrayBuffer> {
  return Buffer.concat([...seededContent(seed, BYTES).read()]);
}

describe.skipIf(program === undefined)('a push through a balancer in front of Layover and docker-registry', () => {
  it.each(['DL', 'LD', 'DDL', 'LLD', 'DLLD', 'LDDL'])('succeeds when its requests go to %s in turn', async (turns) => {
    await using both = await startBoth();
    const send = inTurns(both, turns);
    const bytes = bytesOf(turns);
    const digest = digestOf(bytes);
    let location = await startUpload(send);
    location = await sendChunk(send, location, bytes.subarray(0, HALF));
    location = await sendChunk(send, location, bytes.subarray(HALF));
    const finished = await finishUpload(send, location, digest);
    expect([finished.status, finished.headers.get('docker-content-digest')]).toEqual([201, digest]);
    for (const { url } of [both.layover, both.distribution]) {
      const pulled = await fetch(`${url}/v2/${REPOSITORY}/blobs/${digest}`);
      expect([pulled.status, digestOf(Buffer.from(await pulled.arrayBuffer()))]).toEqual([200, digest]);
    }
    expect(await both.uploads()).toEqual([]);
    await expectNothingBroken(both.layover);
  });

  it('fails at Layover without storing anything when the bytes do not match', async () => {
    await using both = await startBoth();
    const send = inTurns(both, 'DDL');
    const bytes = bytesOf('other bytes');
    const location = await sendChunk(send, await startUpload(send), bytes);
    const finished = await finishUpload(send, location, digestOf(Buffer.from('promised')));
    expect([finished.status, await finished.json()]).toMatchObject([400, { errors: [{ code: 'DIGEST_INVALID' }] }]);
    expect(await both.layover.visibleBlobs()).toEqual([]);
    expect(await both.uploads()).toEqual([]);
  });

  it('fails at the other registry with another http.secret, and can be finished where it began', async () => {
    await using both = await startBoth({ http: { secret: 'another' } });
    const bytes = bytesOf('one registry');
    const digest = digestOf(bytes);
    const [toLayover, toDistribution] = [inTurns(both, 'L'), inTurns(both, 'D')];
    const begun = await sendChunk(toDistribution, await startUpload(toDistribution), bytes);
    const refused = await finishUpload(toLayover, begun, digest);
    expect([refused.status, await refused.json()]).toMatchObject([400, { errors: [{ code: 'BLOB_UPLOAD_INVALID' }] }]);
    expect((await finishUpload(toDistribution, begun, digest)).status).toBe(201);
  });
});
