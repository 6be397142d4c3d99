import fc from 'fast-check';

import { app, large, small, unknown } from './read-scene.ts';

export interface ArbitraryRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** Stands for an address that must never be dialled. */
export const TRAP = '@trap';

/** What a request line can carry without ending: no space, no control characters. */
const plainText = text(0x21, 0x7e);
const headerText = text(0x20, 0xff);

const RARE_METHODS = ['OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE', 'PROPFIND', 'M-SEARCH', 'TRACE', 'CONNECT'];
const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('GET', 'HEAD') },
  { weight: 1, arbitrary: fc.constantFrom(...RARE_METHODS) },
);

const GOOD_PATHS = [
  '/v2/',
  '/v2/_catalog',
  '/v2/team/app/tags/list',
  '/v2/team/app/manifests/1',
  `/v2/team/app/manifests/${app.digest}`,
  `/v2/team/app/blobs/${small.digest}`,
  `/v2/team/app/blobs/${large.digest}`,
  `/v2/team/app/referrers/${app.digest}`,
  '/v2/team/app/blobs/uploads/',
  '/v2/app/manifests/latest',
  `/v2/app/blobs/${unknown}`,
];

const NAMES = ['team/app', 'library/app', 'docker.io/library/app', 'App', '..', '.', 'x'.repeat(300)];
const WORDS = ['_catalog', 'tags/list', 'manifests', 'blobs', 'blobs/uploads', 'referrers', 'v2', '1', 'latest'];
const DIGESTS = [
  app.digest,
  small.digest,
  encodeURIComponent(large.digest),
  unknown,
  'sha256:',
  `sha512:${'0'.repeat(128)}`,
];
const GARBAGE = [
  '',
  '%2F',
  '%2e%2e',
  '%00',
  '%',
  '%zz',
  '%C3%28',
  '\\',
  ';',
  '@',
  ':',
  '*',
  '[',
  '{',
  '|',
  '<>',
  '"',
  '#',
];
const piece = fc.oneof(fc.constantFrom(...NAMES, ...WORDS, ...DIGESTS, ...GARBAGE), plainText);

const path = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...GOOD_PATHS) },
  { weight: 4, arbitrary: fc.array(piece, { maxLength: 7 }).map((pieces) => `/v2/${pieces.join('/')}`) },
  { weight: 1, arbitrary: plainText.map((rest) => `/${rest}`) },
);

const HOSTS = ['docker.io', 'index.docker.io', 'evil.example', TRAP, '', '::1', '[::1]:80', 'a'.repeat(500)];
const host = fc.oneof(fc.constantFrom(...HOSTS), plainText);

const parameter = fc.oneof(
  fc.tuple(fc.constantFrom('n', 'last', 'artifactType', 'digest', 'mount'), plainText),
  fc.tuple(fc.constant('n'), fc.integer().map(String)),
  fc.tuple(fc.constant('ns'), host),
);
const query = fc.oneof(
  fc.constant(''),
  fc.array(parameter, { maxLength: 3 }).map((pairs) => `?${pairs.map((pair) => pair.join('=')).join('&')}`),
);

const bound = fc.oneof(fc.constant(''), fc.nat(20), fc.nat(400_000));
const range = fc
  .array(fc.tuple(bound, bound), { minLength: 1, maxLength: 4 })
  .map((specs) => `bytes=${specs.map((spec) => spec.join('-')).join(',')}`);
const entityTag = fc.constantFrom(`"${small.digest}"`, app.digest, `W/"${app.digest}"`, '*', '"', '"other"', '');

const header = fc.oneof(
  fc.tuple(fc.constant('Range'), range),
  fc.tuple(fc.constantFrom('If-None-Match', 'If-Match', 'If-Range'), entityTag),
  fc.tuple(fc.constantFrom('Range', 'If-None-Match', 'If-Match', 'If-Range', 'If-Modified-Since'), headerText),
  fc.tuple(fc.constantFrom('Accept', 'Accept-Encoding', 'Authorization', 'Cookie', 'X-Forwarded-Host'), headerText),
  fc.tuple(fc.constant('Expect'), fc.constantFrom('100-continue', 'the unexpected')),
  fc.tuple(fc.constant('Upgrade'), fc.constantFrom('websocket', 'h2c')),
);

/** A request that is well-formed HTTP, with any target. */
export const arbitraryRequest: fc.Arbitrary<ArbitraryRequest> = fc.record({
  method,
  target: fc
    .tuple(fc.oneof({ weight: 9, arbitrary: fc.constant('') }, fc.constant(`http://${TRAP}`)), path, query)
    .map((parts) => parts.join('')),
  host: fc.oneof(fc.constant('registry.example'), host),
  headers: fc.array(header, { maxLength: 4 }),
});

const BROKEN_TEXTS = [
  'GET',
  'GET /v2/',
  'GET /v2/\r\n\r\n',
  ' GET /v2/ HTTP/1.1\r\n\r\n',
  'GET  /v2/ HTTP/1.1\r\n\r\n',
  '\r\n\r\n\r\n',
  'GET /v2/ HTTP/9.9\r\nHost: a\r\n\r\n',
  'GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET /v2/ HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n',
  'GET /v2/ HTTP/1.1\r\nHost : a\r\n\r\n',
  'GET /v2/ HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n',
  'GET /v2/ HTTP/1.1\r\nHost: a\r\nX: \u0000\r\n\r\n',
  'GET /v2/\u0000 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /v2/\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /v2/a b/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET v2/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET * HTTP/1.1\r\nHost: a\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001',
];

const verb = fc.constantFrom('GET', 'PUT', 'POST', 'HEAD');
const lengthText = fc.constantFrom('5', '-1', '1e9', '5, 6', '', '99999999999999999999', '2');
const coding = fc.constantFrom('chunked', 'gzip', 'chunked, chunked', 'identity');

/** Something wrong in the very form of a request. */
export const brokenBytes: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(...BROKEN_TEXTS).map((broken) => Buffer.from(broken, 'latin1')),
  fc
    .tuple(verb, lengthText, plainText)
    .map(([name, length, body]) => withBody(name, `Content-Length: ${length}`, body)),
  fc
    .tuple(verb, coding, plainText)
    .map(([name, codings, body]) => withBody(name, `Transfer-Encoding: ${codings}\r\nContent-Length: 3`, body)),
);

function withBody(name: string, framing: string, body: string): Buffer {
  return Buffer.from(`${name} /v2/team/app/manifests/1 HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${body}`);
}

function text(first: number, last: number): fc.Arbitrary<string> {
  const unit = fc.integer({ min: first, max: last }).map((code) => String.fromCharCode(code));
  return fc.string({ unit, maxLength: 12 });
}
