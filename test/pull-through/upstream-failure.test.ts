import { expect, it } from 'vitest';

import { toClientError } from '../../src/pull-through/upstream-failure.ts';
import { UpstreamError, type UpstreamErrorKind } from '../../src/upstream/upstream.ts';

it.each<[UpstreamErrorKind, number, string]>([
  ['not-found', 404, 'BLOB_UNKNOWN'],
  ['unauthorized', 403, 'DENIED'],
  ['denied', 403, 'DENIED'],
  ['throttled', 429, 'TOOMANYREQUESTS'],
  ['server', 502, 'UNAVAILABLE'],
  ['network', 502, 'UNAVAILABLE'],
  ['protocol', 502, 'UNAVAILABLE'],
  ['timeout', 504, 'UNAVAILABLE'],
  ['unavailable', 503, 'UNAVAILABLE'],
])('an upstream failure of kind %s becomes %i %s', (kind, status, code) => {
  const cause = new UpstreamError(kind, 'docker.io: it failed', { upstream: 'docker.io', retryAfterMs: 2_000 });
  const error = toClientError(cause, 'BLOB_UNKNOWN');
  expect(error).toMatchObject({ status, code, message: 'docker.io: it failed', cause });
  expect(error.options.retryAfterMs).toBe(2_000);
  expect(error.toJSON()).toMatchObject({ errors: [{ detail: { upstream: 'docker.io', reason: kind } }] });
});

it('the status of the upstream is in the detail, when there was one', () => {
  const cause = new UpstreamError('server', 'x', { upstream: 'docker.io', status: 503 });
  expect(toClientError(cause, 'NAME_UNKNOWN').options.detail).toEqual({
    upstream: 'docker.io',
    reason: 'server',
    status: 503,
  });
});
