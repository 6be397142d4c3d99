import { digestOf } from '../../src/oci/digest.ts';
import type { Check, Topic } from './check.ts';
import { LAYER, NEVER_PUSHED } from './content.ts';
import { type Step, statuses } from './registry.ts';

const DIGEST = digestOf(LAYER);
const MALFORMED = DIGEST.replace('sha256', 'sha257');
const SIZE = LAYER.length;
const ETAG = `"${DIGEST}"`;

/** GET of a blob that is there, with one request header each. */
function conditional(
  name: string,
  header: string,
  expectations: Readonly<Record<string, string>>,
  ...seen: string[]
): Check {
  return {
    name: `blob: ${name}`,
    expected: Object.values(expectations),
    async observe(it) {
      await it.pushBlob(LAYER);
      const steps = Object.keys(expectations).map(
        (value): Step => ['GET', `blobs/${DIGEST}`, { headers: { [header]: value } }],
      );
      return it.inOrder(steps, ...seen);
    },
  };
}

const checks: readonly Check[] = [
  {
    name: 'blob: one that is not there',
    expected: ['404 BLOB_UNKNOWN', '404'],
    observe: (it) =>
      it.inOrder([
        ['GET', `blobs/${NEVER_PUSHED}`],
        ['HEAD', `blobs/${NEVER_PUSHED}`],
      ]),
  },
  {
    name: 'blob: one that another repository has',
    expected: ['404 BLOB_UNKNOWN', '404'],
    async observe(it) {
      await it.pushBlobTo(`${it.repository}-source`, LAYER);
      return it.inOrder([
        ['GET', `blobs/${DIGEST}`],
        ['HEAD', `blobs/${DIGEST}`],
      ]);
    },
  },
  {
    name: 'blob: a digest of an unknown kind, and none',
    expected: ['400 DIGEST_INVALID', '400'],
    observe: (it) =>
      it.inOrder([
        ['GET', `blobs/${MALFORMED}`],
        ['HEAD', `blobs/${MALFORMED}`],
      ]),
  },
  {
    name: 'blob: what a response says of it',
    expected: ['GET', 'HEAD'].map(
      () =>
        `200 content-length=${SIZE} content-type=application/octet-stream docker-content-digest=${DIGEST} etag=${ETAG} ` +
        'cache-control=max-age=31536000 accept-ranges=bytes',
    ),
    async observe(it) {
      await it.pushBlob(LAYER);
      return it.inOrder(
        [
          ['GET', `blobs/${DIGEST}`],
          ['HEAD', `blobs/${DIGEST}`],
        ],
        'content-length',
        'content-type',
        'docker-content-digest',
        'etag',
        'cache-control',
        'accept-ranges',
      );
    },
  },
  conditional('If-None-Match', 'if-none-match', {
    [ETAG]: '304',
    [`W/${ETAG}`]: '304',
    [`"other", ${ETAG}`]: '304',
    '*': '304',
    '"other"': '200',
    '': '200',
  }),
  conditional(
    'one range',
    'range',
    {
      'bytes=0-3': `206 content-range=bytes 0-3/${SIZE} content-length=4`,
      'bytes=20-': `206 content-range=bytes 20-${SIZE - 1}/${SIZE} content-length=${SIZE - 20}`,
      'bytes=-3': `206 content-range=bytes ${SIZE - 3}-${SIZE - 1}/${SIZE} content-length=3`,
      'bytes=0-9999': `206 content-range=bytes 0-${SIZE - 1}/${SIZE} content-length=${SIZE}`,
      'bytes=-9999': `206 content-range=bytes 0-${SIZE - 1}/${SIZE} content-length=${SIZE}`,
    },
    'content-range',
    'content-length',
  ),
  {
    name: 'blob: a range that starts after the end, one that is malformed, one of another unit',
    expected: ['416', '416', '200'],
    async observe(it) {
      await it.pushBlob(LAYER);
      const ranges = ['bytes=9999-', 'bytes=x-y', 'lines=0-3'];
      return statuses(
        await it.inOrder(ranges.map((range): Step => ['GET', `blobs/${DIGEST}`, { headers: { range } }])),
      );
    },
  },
  {
    name: 'blob: a range with If-Range',
    expected: ['206 content-length=4', `200 content-length=${SIZE}`],
    async observe(it) {
      await it.pushBlob(LAYER);
      const steps = [ETAG, '"other"'].map(
        (tag): Step => ['GET', `blobs/${DIGEST}`, { headers: { range: 'bytes=0-3', 'if-range': tag } }],
      );
      return it.inOrder(steps, 'content-length');
    },
  },
];

export const blobs: Topic = { name: 'blobs', covers: ['TestBlobAPI'], checks };
