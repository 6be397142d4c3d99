import fc from 'fast-check';

import { digestOf } from '../../src/oci/digest.ts';
import { MANIFEST_MEDIA_TYPES } from '../../src/oci/media-types.ts';
import { imageOf, LAYER } from './manifest-pushing.ts';

/**
 * A request that changes something, or nearly. `{id0}`, `{state0}`, `{id1}`, `{state1}` stand for sessions that are open in the
 * repositories `team/app` and `team/other`, `{sha256}` and `{sha512}` for the digests of the body.
 */
export interface Write {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  /** In latin1; `{manifest}` stands for one, `{<n> bytes}` for so many. */
  readonly body: string;
  readonly framing: Framing;
}

/** How the end of the body is told; `short` and `long` are lies. */
export type Framing = 'exact' | 'chunked' | 'trailers' | 'none' | 'short' | 'long';

/** What a request line can carry without ending. */
const text = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((it) => String.fromCharCode(it)),
  maxLength: 12,
});
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((it) => String.fromCharCode(it)),
  maxLength: 30,
});

const NAMES = ['team/app', 'team/other'];
const ODD_NAMES = [
  'team/app/blobs/uploads',
  'team/app/_uploads',
  '_uploads',
  '..',
  '../..',
  'team/../app',
  '%2e%2e/%2e%2e/%2e%2e/etc',
  'team%2fapp',
  'team//app',
  'Team/App',
  '\\..\\..',
  'a'.repeat(254),
  'a'.repeat(300),
  `${'a/'.repeat(120)}a`,
  '%00',
];
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_NAMES) },
  { weight: 1, arbitrary: text },
);

const ODD_IDS = [
  '00000000-0000-4000-8000-000000000000',
  '',
  '.',
  '..',
  '%2e%2e',
  '..%2f..%2fdata',
  'data',
  '{id0}%00',
  '{id0}/',
  '{id0}/data',
];
const id = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('{id0}', '{id1}') },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_IDS) },
  { weight: 1, arbitrary: text },
);

const ODD_STATES = [
  '',
  '{state0}x',
  'x{state0}',
  '{state1}',
  '{state0}&_state={state1}',
  '%',
  '{}',
  'a'.repeat(20_000),
];
const state = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('{state0}', '{state1}') },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_STATES) },
  { weight: 1, arbitrary: text },
);

const ODD_DIGESTS = [
  'sha256:',
  'sha256:abc',
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'../'.repeat(20)}aaaa`,
  `md5:${'0'.repeat(32)}`,
  `sha512:${'0'.repeat(64)}`,
  `sha384:${'0'.repeat(96)}`,
  '',
  'sha256%3A',
  '..',
];
const digest = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('{sha256}', '{sha512}') },
  { weight: 1, arbitrary: fc.constantFrom(LAYER.digest, digestOf(Buffer.alloc(0)), digestOf(Buffer.from('nowhere'))) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_DIGESTS) },
  { weight: 1, arbitrary: text },
);

const tag = fc.oneof(fc.constantFrom('1', 'latest', '..', '.', '_', 'a'.repeat(129), '%2e%2e', 'current/link'), text);

const parameter = fc.oneof(
  { weight: 4, arbitrary: state.map((value) => `_state=${value}`) },
  { weight: 3, arbitrary: digest.map((value) => `digest=${value}`) },
  { weight: 1, arbitrary: digest.map((value) => `mount=${value}`) },
  { weight: 1, arbitrary: name.map((value) => `from=${value}`) },
  { weight: 1, arbitrary: tag.map((value) => `tag=${value}`) },
  { weight: 1, arbitrary: fc.constantFrom('digest-algorithm=sha512', 'digest-algorithm=sha1', 'digest-algorithm=') },
  { weight: 1, arbitrary: fc.constantFrom('ns=docker.io', 'ns=', 'ns=..', 'n=1') },
  { weight: 1, arbitrary: fc.tuple(text, text).map((pair) => pair.join('=')) },
);
const query = fc.array(parameter, { maxLength: 4 }).map((all) => (all.length > 0 ? `?${all.join('&')}` : ''));

/** The paths of all endpoints that can be written to, with something odd in any place. */
const path = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, id).map(([repository, of]) => `${repository}/blobs/uploads/${of}`) },
  { weight: 3, arbitrary: name.map((repository) => `${repository}/blobs/uploads/`) },
  { weight: 3, arbitrary: fc.tuple(name, fc.oneof(tag, digest)).map(([at, of]) => `${at}/manifests/${of}`) },
  { weight: 2, arbitrary: fc.tuple(name, digest).map(([at, of]) => `${at}/blobs/${of}`) },
  { weight: 1, arbitrary: fc.tuple(name, text).map((parts) => parts.join('/')) },
);

/** The wanted way of a request, so that enough of them are let in. */
const nearlyRight = fc.oneof(
  fc.constantFrom(
    { method: 'PATCH', target: '/v2/team/app/blobs/uploads/{id0}?_state={state0}' },
    { method: 'PATCH', target: '/v2/team/other/blobs/uploads/{id1}' },
    { method: 'PUT', target: '/v2/team/app/blobs/uploads/{id0}?_state={state0}&digest={sha256}' },
    { method: 'PUT', target: '/v2/team/other/blobs/uploads/{id1}?digest={sha512}' },
    { method: 'POST', target: '/v2/team/app/blobs/uploads/?digest={sha256}' },
    { method: 'POST', target: '/v2/team/app/blobs/uploads/' },
    { method: 'POST', target: `/v2/team/other/blobs/uploads/?mount=${LAYER.digest}&from=team/app` },
    { method: 'DELETE', target: '/v2/team/app/blobs/uploads/{id0}' },
    { method: 'GET', target: '/v2/team/app/blobs/uploads/{id0}' },
    { method: 'PUT', target: '/v2/team/app/manifests/latest?tag=2&tag=3' },
    { method: 'PUT', target: '/v2/team/app/manifests/{sha256}' },
    { method: 'DELETE', target: '/v2/team/app/manifests/latest' },
    { method: 'DELETE', target: '/v2/team/app/manifests/{sha256}' },
    { method: 'DELETE', target: '/v2/team/app/blobs/{sha256}' },
  ),
);
const method = fc.constantFrom('POST', 'PATCH', 'PUT', 'DELETE', 'GET', 'HEAD');
const anywhere = fc
  .tuple(method, path, query)
  .map(([asked, at, parameters]) => ({ method: asked, target: `/v2/${at}${parameters}` }));

const RANGES = [
  '0-',
  '-5',
  '5-1',
  'bytes 0-4/5',
  'bytes */5',
  '0-99999999999999999999',
  '0-9007199254740991',
  'a-b',
  '0-0,2-3',
  '',
];
const range = fc.oneof(
  fc.tuple(fc.nat(300), fc.nat(300)).map((bounds) => bounds.join('-')),
  fc.constantFrom(...RANGES),
  headerText,
);
const header = fc.oneof(
  fc.tuple(fc.constant('Content-Range'), range),
  fc.tuple(fc.constant('Content-Type'), fc.oneof(fc.constantFrom(...MANIFEST_MEDIA_TYPES, 'text/plain'), headerText)),
  fc.tuple(fc.constant('Expect'), fc.constantFrom('100-continue', '100-Continue', 'something else')),
  fc.tuple(fc.constantFrom('Range', 'If-Match', 'If-None-Match', 'Authorization', 'Content-Encoding'), headerText),
  fc.tuple(
    fc.constant('X-Huge'),
    fc.nat(70_000).map((length) => 'a'.repeat(length)),
  ),
  fc.tuple(fc.constantFrom('Forwarded', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-For'), headerText),
);

const SOME_MANIFEST = imageOf('fuzz').bytes;
const body = fc.oneof(
  { weight: 5, arbitrary: text },
  { weight: 1, arbitrary: fc.nat(300_000).map((length) => `{${length} bytes}`) },
  { weight: 2, arbitrary: fc.constant('{manifest}') },
);
const framing = fc.constantFrom<Framing>('exact', 'exact', 'exact', 'chunked', 'trailers', 'none', 'short', 'long');

export const arbitraryWrite: fc.Arbitrary<Write> = fc
  .tuple(fc.oneof(nearlyRight, anywhere), fc.array(header, { maxLength: 3 }), body, framing)
  .map(([asked, headers, content, how]) => ({ ...asked, headers, body: content, framing: how }));

/** Bytes for a connection; `Connection: close`, unless more is to come. */
export function bytesOf(write: Write, fill: (text: string) => string, { isLast = true } = {}): Buffer {
  const { method: asked, target, headers } = write;
  const bytes = bodyOf(write);
  const { framed, fields } = framedBody(bytes, write.framing);
  const filled = fill(target).replaceAll('{sha256}', digestOf(bytes)).replaceAll('{sha512}', digestOf(bytes, 'sha512'));
  const all = ['Host: registry.example', ...headers.map((pair) => pair.join(': ')), ...fields];
  if (isLast) all.push('Connection: close');
  return Buffer.concat([Buffer.from(`${asked} ${filled} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`, 'latin1'), framed]);
}

function bodyOf({ body: content }: Write): Buffer {
  const [, length] = /^\{(\d+) bytes\}$/.exec(content) ?? [];
  if (length !== undefined) return Buffer.alloc(Number(length), 'layover');
  return content === '{manifest}' ? SOME_MANIFEST : Buffer.from(content, 'latin1');
}

function framedBody(bytes: Buffer, how: Framing): { readonly framed: Buffer; readonly fields: string[] } {
  const chunks = Buffer.concat([
    ...(bytes.length > 0 ? [Buffer.from(`${bytes.length.toString(16)};ext=1\r\n`), bytes, Buffer.from('\r\n')] : []),
    Buffer.from(how === 'trailers' ? '0\r\nContent-Range: 0-4\r\nX-Digest: a\r\n\r\n' : '0\r\n\r\n'),
  ]);
  const length = (n: number) => [`Content-Length: ${n}`];
  if (how === 'none') return { framed: Buffer.alloc(0), fields: [] };
  if (how === 'exact') return { framed: bytes, fields: length(bytes.length) };
  if (how === 'short') return { framed: bytes, fields: length(bytes.length + 10) };
  if (how === 'long') return { framed: bytes, fields: length(Math.floor(bytes.length / 2)) };
  return {
    framed: chunks,
    fields: ['Transfer-Encoding: chunked', ...(how === 'trailers' ? ['Trailer: X-Digest'] : [])],
  };
}
