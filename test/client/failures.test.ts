import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import { connect, type ConnectOptions } from '../../src/client/connect.ts';
import { pushBlob } from '../../src/client/push-blob.ts';
import { pushManifest } from '../../src/client/push-manifest.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import { readRange } from '../../src/testing/read-source.ts';
import { startServer } from '../support/start-server.ts';

const BYTES = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 253));
const DIGEST = digestOf(BYTES);

type Respond = (req: IncomingMessage, res: ServerResponse) => unknown;

async function startScripted(respond: Respond, options: ConnectOptions = {}) {
  const seen: string[] = [];
  const server = await startServer((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    void respond(req, res);
  });
  const registry = connect(new URL(server.url).host, { plainHttp: true, ...options });
  return {
    seen,
    registry,
    async [Symbol.asyncDispose]() {
      await registry.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function errorOf(call: Promise<unknown>): Promise<RegistryError> {
  const outcome = await call.catch((err: unknown) => err);
  if (outcome instanceof RegistryError) return outcome;
  throw new Error('not a RegistryError', { cause: outcome });
}

function sendError(res: ServerResponse, status: number, code: string): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ code }] }));
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 20_000) yield bytes.subarray(at, at + 20_000);
}

describe('the code of a failure', () => {
  it.each([
    [401, 'UNAUTHORIZED', 'UNAUTHORIZED', undefined],
    [403, 'DENIED', 'DENIED', undefined],
    [404, 'NAME_UNKNOWN', 'NAME_UNKNOWN', undefined],
    [404, 'NOT_FOUND', 'MANIFEST_UNKNOWN', undefined],
    [404, 'CONSTRUCTOR_UNKNOWN', 'MANIFEST_UNKNOWN', undefined],
    [405, 'UNSUPPORTED', 'UNSUPPORTED', undefined],
    [405, '', 'UNSUPPORTED', undefined],
    [429, 'TOOMANYREQUESTS', 'TOOMANYREQUESTS', undefined],
    [400, 'NAME_INVALID', 'NAME_INVALID', undefined],
    [400, 'STRANGE', 'UNAVAILABLE', 502],
    [500, 'NAME_INVALID', 'UNAVAILABLE', 502],
  ])('of %i %s is %s', async (status, sent, code, expected) => {
    await using scripted = await startScripted((_req, res) => sendError(res, status, sent));
    const error = await errorOf(scripted.registry.getManifest('a', { kind: 'tag', tag: '1' }));
    expect([error.code, error.options.status]).toEqual([code, expected]);
    expect(error.message).toContain(scripted.registry.host);
  });

  it('has the time of Retry-After', async () => {
    await using scripted = await startScripted((_req, res) => res.writeHead(429, { 'retry-after': '3600' }).end());
    const { options } = await errorOf(scripted.registry.listTags('a', {}));
    expect(options.retryAfterMs).toBe(3_600_000);
  });

  it('is UNAVAILABLE for a manifest with another digest', async () => {
    await using scripted = await startScripted((_req, res) => res.end('{}'));
    const error = await errorOf(scripted.registry.getManifest('a', { kind: 'digest', digest: DIGEST }));
    expect([error.code, error.message]).toEqual(['UNAVAILABLE', expect.stringContaining('the manifest is damaged')]);
  });

  it('is UNSUPPORTED for a registry without a catalog', async () => {
    await using scripted = await startScripted((_req, res) => res.writeHead(404).end());
    expect((await errorOf(scripted.registry.listRepositories({}))).code).toBe('UNSUPPORTED');
  });

  it('is the reason of a signal that is aborted', async () => {
    await using scripted = await startScripted(() => undefined);
    const stop = new AbortController();
    const call = scripted.registry.openBlob('a', DIGEST, { signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(call).rejects.toThrow('stopped');
  });
});

describe('an open blob', () => {
  it('is resumed by Range when the connection breaks', async () => {
    await using scripted = await startScripted((req, res) => {
      const [, start = '0'] = /^bytes=(\d+)-$/.exec(req.headers.range ?? '') ?? [];
      const rest = BYTES.subarray(Number(start));
      res.writeHead(start === '0' ? 200 : 206, {
        'content-length': rest.length,
        ...(start !== '0' && { 'content-range': `bytes ${start}-${BYTES.length - 1}/${BYTES.length}` }),
      });
      if (start !== '0') res.end(rest);
      else res.write(rest.subarray(0, 70_000), () => setImmediate(() => res.destroy()));
    });
    const { source, size } = await scripted.registry.openBlob('a', DIGEST);
    expect((await readRange(source, { start: 0, end: size })).equals(BYTES)).toBe(true);
    await source.close();
    expect(scripted.seen.length).toBeGreaterThan(1);
  });

  it('is one request when it is read once', async () => {
    await using scripted = await startScripted((_req, res) =>
      res.writeHead(200, { 'content-length': BYTES.length }).end(BYTES),
    );
    const { source, size } = await scripted.registry.openBlob('a', DIGEST);
    expect((await readRange(source, { start: 0, end: size })).equals(BYTES)).toBe(true);
    expect(scripted.seen).toEqual([`GET /v2/a/blobs/${DIGEST}`]);
  });

  it('has its size also when the registry does not state it', async () => {
    await using scripted = await startScripted((_req, res) => {
      res.write(BYTES.subarray(0, 100_000));
      res.end(BYTES.subarray(100_000));
    });
    const { source, size } = await scripted.registry.openBlob('a', DIGEST);
    expect(size).toBe(BYTES.length);
    expect((await readRange(source, { start: 5, end: 10 })).equals(BYTES.subarray(5, 10))).toBe(true);
    await source.close();
  });

  it('is not read twice when only HEAD states its size', async () => {
    await using scripted = await startScripted((req, res) => {
      if (req.method === 'HEAD') return res.writeHead(200, { 'content-length': BYTES.length }).end();
      res.write(BYTES.subarray(0, 100_000));
      return res.end(BYTES.subarray(100_000));
    });
    const { source, size } = await scripted.registry.openBlob('a', DIGEST);
    expect((await readRange(source, { start: 0, end: size })).equals(BYTES)).toBe(true);
    await source.close();
    expect(scripted.seen.map((request) => request.split(' ')[0])).toEqual(['GET', 'HEAD', 'GET']);
  });

  it('closes its connection when it is closed without being read', async () => {
    let closed: Promise<unknown> | undefined;
    await using scripted = await startScripted((_req, res) => {
      closed = once(res, 'close');
      res.writeHead(200, { 'content-length': 1_000_000_000 }).write(BYTES);
    });
    const { source } = await scripted.registry.openBlob('a', DIGEST);
    await source.close();
    await closed;
    await expect(readRange(source, { start: 0, end: 1 })).rejects.toThrow('closed');
  });
});

describe('a push of a blob', () => {
  /** A registry with one upload, which keeps what it received. */
  function uploading(onPatch: (req: IncomingMessage, res: ServerResponse, accept: () => Promise<void>) => unknown) {
    let received = Buffer.alloc(0);
    let finished = false;
    const respond: Respond = (req, res) => {
      const headers = { location: '/v2/a/blobs/uploads/1', 'content-length': 0 };
      const range = { range: `0-${Math.max(0, received.length - 1)}` };
      const accept = async () => {
        received = Buffer.concat([received, await buffer(req)]);
        res.writeHead(202, headers).end();
      };
      if (req.method === 'POST') res.writeHead(202, headers).end();
      if (req.method === 'GET') res.writeHead(204, { ...headers, ...range }).end();
      if (req.method === 'PUT') {
        finished = received.equals(BYTES);
        res.writeHead(finished ? 201 : 400, { 'content-length': 0 }).end();
      }
      if (req.method === 'PATCH') return onPatch(req, res, accept);
      return undefined;
    };
    return { respond, keep: (bytes: Buffer) => (received = Buffer.concat([received, bytes])), isDone: () => finished };
  }

  const opened: number[] = [];
  const blob = {
    repository: 'a',
    digest: DIGEST,
    size: BYTES.length,
    open(start: number) {
      opened.push(start);
      return chunksOf(BYTES.subarray(start));
    },
  };

  it('is resumed from where the registry has it', async () => {
    let patches = 0;
    const upload = uploading(async (req, res, accept) => {
      if (++patches > 1) return accept();
      for await (const chunk of req) {
        upload.keep(chunk as Buffer);
        break;
      }
      res.destroy();
    });
    await using scripted = await startScripted(upload.respond);
    opened.length = 0;
    expect(await pushBlob(scripted.registry, blob)).toBe('sent');
    expect([upload.isDone(), opened.length, opened[0]]).toEqual([true, 2, 0]);
    expect(opened[1]).toBeGreaterThan(0);
  });

  it('continues with a new token when the old one is refused after the body had begun', async () => {
    let tokens = 0;
    let valid = '';
    const upload = uploading((_req, _res, accept) => accept());
    await using scripted = await startScripted((req, res) => {
      const host = `http://${req.headers.host}`;
      if (req.url?.startsWith('/token')) {
        valid = `t${++tokens}`;
        return res.writeHead(200).end(JSON.stringify({ token: valid, expires_in: 3600 }));
      }
      if (req.method === 'PATCH' && tokens === 1) valid = 'revoked';
      if (req.headers.authorization === `Bearer ${valid}`) return upload.respond(req, res);
      req.resume();
      const challenge = `Bearer realm="${host}/token",service="s",scope="repository:a:pull,push"`;
      return res.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    opened.length = 0;
    expect(await pushBlob(scripted.registry, blob)).toBe('sent');
    expect([upload.isDone(), tokens, opened]).toEqual([true, 2, [0, 0]]);
  });

  it('fails with the error of its source, and cancels the upload', async () => {
    const upload = uploading((req) => req.resume());
    await using scripted = await startScripted((req, res) =>
      req.method === 'DELETE' ? res.writeHead(204).end() : upload.respond(req, res),
    );
    const open = async function* () {
      yield BYTES.subarray(0, 10);
      throw new RegistryError('UNAVAILABLE', 'the source is gone');
    };
    await expect(pushBlob(scripted.registry, { ...blob, open })).rejects.toThrow('the source is gone');
    // The server may see the aborted PATCH last.
    expect(scripted.seen.toSorted()).toEqual([
      'DELETE /v2/a/blobs/uploads/1',
      'PATCH /v2/a/blobs/uploads/1',
      'POST /v2/a/blobs/uploads/',
    ]);
  });

  it('uses the session that a registry starts in place of a mount', async () => {
    const upload = uploading((_req, _res, accept) => accept());
    await using scripted = await startScripted(upload.respond);
    expect(await pushBlob(scripted.registry, { ...blob, mountFrom: 'b' })).toBe('sent');
    expect(scripted.seen.filter((request) => request.startsWith('POST'))).toEqual([
      `POST /v2/a/blobs/uploads/?mount=${encodeURIComponent(DIGEST)}&from=b`,
    ]);
  });

  it('is mounted only from a source that the caller names and permits', async () => {
    await using scripted = await startScripted((_req, res) => sendError(res, 403, 'DENIED'));
    const { uploads } = scripted.registry;
    const mount = (from: string | undefined, isPermitted: boolean) =>
      uploads.mount('a', DIGEST, { from, mayPull: () => isPermitted });
    expect(await mount(undefined, true)).toBeUndefined();
    expect(await mount('b', false)).toBeUndefined();
    expect(scripted.seen).toEqual([]);
  });

  it('is one request when the registry mounts it, also without the right to pull', async () => {
    await using scripted = await startScripted((req, res) =>
      req.method === 'POST' ? res.writeHead(201).end() : sendError(res, 403, 'DENIED'),
    );
    expect(await pushBlob(scripted.registry, { ...blob, mountFrom: 'b' })).toBe('mounted');
    expect(scripted.seen.filter((request) => request.includes('/blobs/'))).toHaveLength(1);
  });

  it('starts again when the registry cannot report the progress of an upload', async () => {
    let patches = 0;
    const upload = uploading((_req, res, accept) => (++patches > 1 ? accept() : res.destroy()));
    await using scripted = await startScripted((req, res) =>
      req.method === 'GET' && req.url?.includes('/uploads/') ? res.writeHead(501).end() : upload.respond(req, res),
    );
    expect(await pushBlob(scripted.registry, blob)).toBe('sent');
    expect([upload.isDone(), patches]).toEqual([true, 2]);
  });

  it('is not retried when the registry refuses it', async () => {
    await using scripted = await startScripted((_req, res) => sendError(res, 403, 'DENIED'));
    expect((await errorOf(pushBlob(scripted.registry, blob))).code).toBe('DENIED');
    expect(scripted.seen).toHaveLength(1);
  });
});

describe('a push of a manifest', () => {
  const manifest = {
    repository: 'a',
    bytes: Buffer.from('{"schemaVersion":2,"manifests":[]}'),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    reference: { kind: 'tag', tag: '1' },
    tags: [],
  } as const;
  const PUT = 'PUT /v2/a/manifests/1';

  it('is retried when the registry is unavailable', async () => {
    await using scripted = await startScripted((req, res) => {
      req.resume();
      const puts = scripted.seen.filter((request) => request === PUT).length;
      return res.writeHead(puts === 1 ? 503 : 201).end();
    });
    await pushManifest(scripted.registry, manifest);
    expect(scripted.seen.filter((request) => request === PUT)).toHaveLength(2);
  });

  it('is not retried when the registry refuses it, or asks for a longer wait than a minute', async () => {
    for (const status of [400, 429]) {
      await using scripted = await startScripted((req, res) => {
        req.resume();
        return res.writeHead(status, { 'retry-after': '61' }).end();
      });
      await errorOf(pushManifest(scripted.registry, manifest));
      expect(scripted.seen.filter((request) => request === PUT)).toHaveLength(1);
    }
  });

  it('ends its wait with the reason of the signal', async () => {
    const stop = new AbortController();
    await using scripted = await startScripted((req, res) => {
      req.resume();
      setTimeout(() => stop.abort(new Error('stopped')), 50);
      return res.writeHead(429, { 'retry-after': '60' }).end();
    });
    await expect(pushManifest(scripted.registry, manifest, { signal: stop.signal })).rejects.toThrow('stopped');
  });
});
