import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import { BlobConnections } from '../../../src/upstream/connections/blob-connections.ts';
import { FUZZ_TIMEOUT_MS, fuzzing } from '../../integration/fuzzing.ts';
import { readAll } from '../../support/read-body.ts';
import { connect } from '../support/connect.ts';
import { startWire } from '../support/wire-server.ts';

/** What the server does with one request: writes these parts, then ends, breaks or falls silent. */
interface Behaviour {
  readonly bytes: Buffer;
  /** Positions at which the bytes are cut into separate writes. */
  readonly cuts: readonly number[];
  readonly ending: 'keep' | 'end' | 'reset';
}

const CONTENT = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
let server: Awaited<ReturnType<typeof startWire>>;
let next: Behaviour;

beforeAll(async () => {
  server = await startWire((socket) => void behave(socket, next));
});
afterAll(() => server[Symbol.asyncDispose]());

async function behave(socket: Socket, { bytes, cuts, ending }: Behaviour): Promise<void> {
  let from = 0;
  for (const to of [...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    socket.write(bytes.subarray(from, to));
    from = to;
    await new Promise(setImmediate);
  }
  if (ending === 'end') socket.end();
  else if (ending === 'reset') socket.resetAndDestroy();
}

const arbitraryLine = fc.oneof(
  fc.constantFrom(
    ...['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip', 'Connection: close', 'Connection: upgrade'],
    ...[
      'Keep-Alive: timeout=3',
      'Content-Encoding: gzip',
      'Trailer: x',
      'Upgrade: h2c',
      'X: a\0b',
      ' folded',
      'x',
      ': x',
    ],
    ...['X: a\rb', 'X: a\nb', 'Content-Length : 3', 'Content-Type: text/html', `X: ${'x'.repeat(20_000)}`],
  ),
  fc.nat(CONTENT.length * 2).map((length) => `Content-Length: ${length}`),
  fc.constantFrom('-1', '', '0x10', '1e3', '99999999999999999999', '5, 5').map((length) => `Content-Length: ${length}`),
  fc.string({ unit: 'binary-ascii', maxLength: 30 }),
);
const arbitraryStatusLine = fc.oneof(
  { weight: 8, arbitrary: fc.constant('HTTP/1.1 200 OK') },
  fc.constantFrom('HTTP/1.0 200 OK', 'HTTP/1.1 206 Partial', 'HTTP/1.1 100 Continue', 'HTTP/1.1 404', 'HTTP/2 200', ''),
  fc.constantFrom('HTTP/1.1 204 No Content', 'HTTP/1.1 304 Not Modified', 'HTTP/1.1 101 Switching Protocols'),
);
const arbitraryHead = fc
  .tuple(arbitraryStatusLine, fc.array(arbitraryLine, { maxLength: 4 }))
  .map(([status, lines]) => `${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
const arbitraryInterim = fc.array(fc.constantFrom('103 Early Hints', '102 Processing', '100 Continue'), {
  maxLength: 30,
});
const arbitraryBytes = fc
  .tuple(fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, arbitraryInterim), arbitraryHead, fc.nat(CONTENT.length))
  .map(([interim, head, length]) => {
    const heads = [...interim.map((status) => `HTTP/1.1 ${status}\r\n\r\n`), head].join('');
    return Buffer.concat([Buffer.from(heads, 'latin1'), CONTENT.subarray(0, length)]);
  });
const arbitraryBehaviour = fc.record<Behaviour>({
  bytes: fc.oneof(
    { weight: 6, arbitrary: arbitraryBytes },
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  ),
  cuts: fc.array(fc.nat(), { maxLength: 6 }),
  ending: fc.constantFrom('keep', 'end', 'reset'),
});

it('a hostile upstream gives right bytes or an UpstreamError, and keeps no connection', {
  timeout: FUZZ_TIMEOUT_MS,
}, async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryBehaviour, async (behaviour) => {
      next = behaviour;
      await using up = connect(server.url, { timeouts: { headersMs: 50, idleMs: 50, connectMs: 1_000 } });
      const opened = await up.upstream.openBlob('a', digestOf(CONTENT)).catch((err: unknown) => err);
      if (opened instanceof Error) expect(opened.name).toBe('UpstreamError');
      else await expectRightOrError(opened as Awaited<ReturnType<typeof up.upstream.openBlob>>, behaviour);
      await up.upstream.close();
      await expect.poll(() => server.sockets.size).toBe(0);
    }),
    fuzzing,
  );
});

/** The announced length bounds what comes, and less of it is never an end. */
async function expectRightOrError(
  { body, size }: { body: Parameters<typeof readAll>[0]; size: number | undefined },
  { bytes }: Behaviour,
): Promise<void> {
  const { bytes: received, failure } = await readAll(body);
  if (failure !== undefined) expect(failure).toMatchObject({ name: 'UpstreamError' });
  else if (size !== undefined) expect(received.length).toBe(size);
  expect(bytes.includes(received.subarray(0, 60_000))).toBe(true);
}

it('a well-behaved response is received whatever its cuts and the memory of the reader', {
  timeout: FUZZ_TIMEOUT_MS,
}, async () => {
  const connections = new BlobConnections({
    maxConnections: 2,
    keepAliveMs: 5_000,
    maxHeaderBytes: 32 * 1024,
    timeoutMs: 5_000,
    lookup: () => undefined,
    tls: {},
  });
  const arbitrary = fc.record({
    length: fc.nat(CONTENT.length),
    cuts: fc.array(fc.nat(), { maxLength: 8 }),
    sizes: fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 }),
    pauses: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ length, cuts, sizes, pauses }) => {
      const head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
      next = { bytes: Buffer.concat([head, CONTENT.subarray(0, length)]), cuts, ending: 'keep' };
      const { signal } = new AbortController();
      const url = new URL(server.url);
      const { body } = await connections.request({ url, headers: {}, headersMs: 5_000, idleMs: 5_000, signal });
      const received: Buffer[] = [];
      for (let i = 0, more = true; more; i++) {
        const memory = Buffer.alloc((sizes[i % sizes.length] ?? 1) + 10, 0xaa);
        const into = memory.subarray(5, -5);
        const got = await body.read(into);
        received.push(Buffer.from(into.subarray(0, got)));
        // Memory that a read has returned is not written to any more.
        into.fill(0xbb);
        if (pauses[i % pauses.length]) await new Promise(setImmediate);
        expect(into.every((byte) => byte === 0xbb) && memory.subarray(0, 5).every((byte) => byte === 0xaa)).toBe(true);
        more = got > 0;
      }
      expect(Buffer.concat(received).equals(CONTENT.subarray(0, length))).toBe(true);
    }),
    fuzzing,
  );
  expect(server.connections).toBeGreaterThan(0);
  connections.close();
  await expect.poll(() => server.sockets.size).toBe(0);
});
