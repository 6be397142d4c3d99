import { describe, expect, it } from 'vitest';

import { resumeDelayMs } from '../../src/fills/blob-download.ts';
import { UpstreamError, type UpstreamErrorKind } from '../../src/upstream/upstream.ts';

const broken = (kind: UpstreamErrorKind, retryAfterMs?: number) =>
  new UpstreamError(kind, 'x', { upstream: 'docker.io', ...(retryAfterMs !== undefined && { retryAfterMs }) });

describe('after a break of a download', () => {
  it.each<UpstreamErrorKind>(['network', 'timeout', 'unavailable', 'server', 'throttled'])(
    'with %s the request is repeated, after growing delays and not without end',
    (kind) => {
      const delays = Array.from({ length: 8 }, (_, breaks) => resumeDelayMs(broken(kind), breaks));
      const waited = delays.filter((delay) => delay !== undefined);
      expect(waited).toEqual(waited.toSorted((a, b) => a - b));
      expect(delays.slice(waited.length)).toEqual(delays.slice(waited.length).map(() => undefined));
      expect(delays[0]).toBeLessThanOrEqual(100);
      expect(delays.at(-1)).toBeUndefined();
    },
  );

  it.each<UpstreamErrorKind>(['not-found', 'denied', 'unauthorized', 'protocol'])(
    'with %s it is not repeated',
    (kind) => {
      expect(resumeDelayMs(broken(kind), 0)).toBeUndefined();
    },
  );

  it('a Retry-After is respected, unless it is longer than clients wait', () => {
    expect(resumeDelayMs(broken('throttled', 4_000), 0)).toBe(4_000);
    expect(resumeDelayMs(broken('throttled', 11_000), 0)).toBeUndefined();
  });
});
