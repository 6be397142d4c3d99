import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type Answered, ask, errorOf } from '../http/v2/ask.ts';
import type { Layover } from '../support/layover.ts';
import { startServer } from '../support/start-server.ts';
import { startPassthrough } from './passthrough-scene.ts';

const SECRET = 'INTERNAL-SECRET';
const DIGEST = `sha256:${'a'.repeat(64)}`;

/** What the upstream, and a host that it leads to, do with a write; set by each test. */
let script: (req: IncomingMessage, res: ServerResponse) => void;
let strangerScript: (req: IncomingMessage, res: ServerResponse) => void;
const seen: string[] = [];
let upstream: Awaited<ReturnType<typeof startServer>>;
let stranger: Awaited<ReturnType<typeof startServer>>;
let cache: Layover;

beforeAll(async () => {
  stranger = await startServer((req, res) => {
    req.resume();
    seen.push(`${req.method} ${req.url}`);
    strangerScript(req, res);
  });
  upstream = await startServer((req, res) => {
    req.resume();
    if (req.url === '/v2/') res.end('{}');
    else script(req, res);
  });
  cache = await startPassthrough(upstream.url);
});
afterAll(async () => {
  await cache?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  await stranger?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  seen.length = 0;
  strangerScript = (_req, res) => void res.writeHead(200, { 'content-type': 'text/html' }).end(SECRET);
});

const strangerUrl = () => `http://localhost:${stranger.port}`;
const start = () => ask(`${cache.url}/v2/a/b/blobs/uploads/`, { method: 'POST', headers: { 'content-length': 0 } });
const leadTo = (location: string) => {
  script = (_req, res) => void res.writeHead(202, { location }).end();
};
const session = (answer: Answered) => new URL(String(answer.headers.location), cache.url).href;

describe('an upstream that leads an upload', () => {
  it.each(['http://169.254.169.254/latest/meta-data', 'http://0.0.0.0/x', 'ftp://example.com/x', 'http://['])(
    'to %s is a 502, and nothing is requested there',
    async (location) => {
      leadTo(location);
      expect(errorOf(await start())).toEqual([502, 'UNAVAILABLE']);
    },
  );

  it('to another host has it written to, and nothing of what that host says comes back', async () => {
    leadTo(`${strangerUrl()}/session`);
    const url = session(await start());
    for (const [method, status] of [
      ['GET', 200],
      ['PATCH', 200],
      ['DELETE', 200],
    ] as const) {
      const answer = await ask(url, { method, headers: { 'content-length': 0 } });
      expect([answer.status, answer.body.toString(), answer.headers['content-type']]).toEqual([status, '', undefined]);
    }
    strangerScript = (_req, res) => {
      const errors = [{ code: 'BLOB_UPLOAD_INVALID', message: SECRET }];
      res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
    };
    const refused = await ask(url, { method: 'PATCH', headers: { 'content-length': 0 } });
    expect(errorOf(refused)).toEqual([400, 'BLOB_UPLOAD_INVALID']);
    expect(refused.body.toString()).not.toContain(SECRET);
    expect(seen).toEqual(['GET /session', 'PATCH /session', 'DELETE /session', 'PATCH /session']);
  });

  it('from its own host to another port has it written to where it is configured', async () => {
    const paths: (string | undefined)[] = [];
    script = (req, res) => {
      paths.push(req.url);
      res.writeHead(202, { location: `${stranger.url}/session` }).end();
    };
    const url = session(await start());
    expect((await ask(url, { method: 'PATCH', headers: { 'content-length': 0 } })).status).toBe(202);
    expect([paths, seen]).toEqual([['/v2/a/b/blobs/uploads/', '/session'], []]);
  });
});

describe('an answer to a write', () => {
  const put = () => ask(`${cache.url}/v2/a/b/manifests/1`, { method: 'PUT', headers: { 'content-length': 0 } });

  it.each([
    ['a redirect', 307],
    ['a redirect', 301],
    ['part of something', 206],
    ['a reset', 205],
    ['a status nobody knows', 299],
  ])('that is %s is a 502', async (_, status) => {
    script = (_req, res) => void res.writeHead(status, { location: `${strangerUrl()}/x` }).end(SECRET);
    const answer = await put();
    expect(errorOf(answer)).toEqual([502, 'UNAVAILABLE']);
    expect([answer.body.toString().includes(SECRET), seen]).toEqual([false, []]);
  });

  it('that is a page of HTML comes as errors of a registry, with its status', async () => {
    script = (_req, res) => void res.writeHead(400, { 'content-type': 'text/html' }).end('<script>alert(1)</script>');
    const answer = await put();
    expect(errorOf(answer)).toEqual([400, 'BLOB_UPLOAD_INVALID']);
    expect([answer.headers['content-type'], answer.body.toString()]).toEqual([
      'application/json',
      expect.not.stringContaining('script'),
    ]);
  });

  it('with errors of a registry comes with these and nothing else', async () => {
    const error = { code: 'MANIFEST_BLOB_UNKNOWN', message: 'missing', detail: { digest: DIGEST } };
    script = (_req, res) => void res.writeHead(400).end(JSON.stringify({ errors: [error, 1, null], more: SECRET }));
    const answer = await put();
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([400, { errors: [error] }]);
  });

  it('has no other headers than those a client needs, in the form they have', async () => {
    script = (_req, res) =>
      void res
        .writeHead(201, {
          'docker-content-digest': '../../evil',
          'oci-subject': DIGEST,
          'content-type': 'text/html',
          'set-cookie': 'a=b',
          location: 'http://evil.example/',
        })
        .end(SECRET);
    const { status, headers, body } = await put();
    expect([status, body.length, headers.location, headers['oci-subject']]).toEqual([
      201,
      0,
      '/v2/a/b/manifests/1',
      DIGEST,
    ]);
    expect(Object.keys(headers)).not.toContain('set-cookie');
    expect([headers['docker-content-digest'], headers['content-type']]).toEqual([undefined, undefined]);
  });

  it('whose body has no end is let go of', async () => {
    const ended = new Promise<void>((resolve) => {
      script = (_req, res) => {
        res.writeHead(201);
        const timer = setInterval(() => res.write(Buffer.alloc(64 * 1024)), 5);
        res.on('close', () => (clearInterval(timer), resolve()));
      };
    });
    expect((await put()).status).toBe(201);
    await ended;
  });
});
