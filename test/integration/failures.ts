import type { Hub } from '../support/hub.ts';

/** One way in which an upstream fails, and what it means to clients. */
export interface Failure {
  readonly name: string;
  readonly begin: (hub: Hub) => unknown;
  /** What a client gets for a manifest, or a blob, that is not cached. */
  readonly status: number;
  readonly code: string;
  /** In the answer. Seconds. */
  readonly retryAfter?: string;
  /** Of a cached tag that is stale; default `STALE`, with the cached manifest. */
  readonly staleTag?: 'STALE' | 'HIT' | 'error';
}

const PULL_LIMIT = JSON.stringify({
  errors: [{ code: 'TOOMANYREQUESTS', message: 'You have reached your pull rate limit.' }],
});
const json = { 'content-type': 'application/json' };
const everything = undefined;

/** Everything here is the upstream's own fault, so the cache stands in for it. */
const BROKEN: readonly Omit<Failure, 'code'>[] = [
  { name: 'refuses connections', begin: (hub) => hub.stop(), status: 502 },
  { name: 'closes connections', begin: ({ faults }) => faults.add({}, { instead: 'disconnect' }), status: 502 },
  { name: 'never answers', begin: ({ faults }) => faults.hang(), status: 504 },
  { name: 'answers 500', begin: ({ faults }) => faults.fail(everything, { status: 500 }), status: 502 },
  {
    name: 'answers 502 in HTML',
    begin: ({ faults }) => faults.fail(everything, { status: 502, body: '<h1>Oops</h1>' }),
    status: 502,
  },
  { name: 'answers 503', begin: ({ faults }) => faults.fail(everything, { status: 503 }), status: 503 },
  {
    name: 'answers 503 with Retry-After',
    begin: ({ faults }) => faults.fail(everything, { status: 503, headers: { 'retry-after': '9' } }),
    status: 503,
    retryAfter: '9',
  },
  {
    name: 'sends an endless header',
    begin: ({ faults }) => faults.add({}, { instead: 'endless-header' }),
    status: 502,
  },
  { name: 'redirects in a loop', begin: ({ faults }) => faults.add({}, { instead: 'redirect-loop' }), status: 502 },
];

const SAYS_NO: readonly Failure[] = [
  {
    name: 'answers 429 in JSON',
    begin: ({ faults }) =>
      faults.fail(everything, { status: 429, headers: { ...json, 'retry-after': '7' }, body: PULL_LIMIT }),
    status: 429,
    code: 'TOOMANYREQUESTS',
    retryAfter: '7',
  },
  {
    name: 'answers 429 in plain text',
    begin: ({ faults }) => faults.fail(everything, { status: 429, body: 'Too Many Requests\n' }),
    status: 429,
    code: 'TOOMANYREQUESTS',
  },
  // Without a challenge of ours a 401 would leave clients with nothing to do.
  {
    name: 'answers 401',
    begin: ({ faults }) => faults.fail(everything, { status: 401 }),
    status: 403,
    code: 'DENIED',
    staleTag: 'error',
  },
  {
    name: 'answers 403',
    begin: ({ faults }) => faults.fail(everything, { status: 403 }),
    status: 403,
    code: 'DENIED',
    staleTag: 'error',
  },
];

export const FAILURES: readonly Failure[] = [
  ...BROKEN.map((failure) => ({ code: 'UNAVAILABLE', ...failure })),
  ...SAYS_NO,
];
