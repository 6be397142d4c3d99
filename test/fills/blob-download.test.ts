import { describe, expect, it } from 'vitest';

import { BlobDownload, resumeDelayMs } from '../../src/fills/blob-download.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { type UpstreamBlob, UpstreamError, type UpstreamErrorKind } from '../../src/upstream/upstream.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

const broken = (kind: UpstreamErrorKind, retryAfterMs?: number) =>
  new UpstreamError(kind, 'x', { upstream: 'docker.io', ...(retryAfterMs !== undefined && { retryAfterMs }) });

describe('a download that is closed', () => {
  const bytes = Buffer.alloc(100_000, 'x');
  const digest = digestOf(bytes);

  it('while it waits after a break rejects, and requests nothing', async () => {
    const upstream = new FakeUpstream();
    upstream.addBlob(digest, bytes);
    upstream.faults.push({ kind: 'break', after: 10 });
    const clock = new FakeClock();
    const download = new BlobDownload({ upstream, repository: 'a', digest }, { start: 0, clock });
    const into = Buffer.alloc(10);
    expect(await download.read(into)).toBe(10);
    const reading = download.read(into);
    reading.catch(() => {});
    await clock.advance(1);
    download.close();
    await expect(reading).rejects.toThrow('the download has been closed');
    await clock.advance(60_000);
    expect(upstream.calls).toHaveLength(1);
  });

  it('while it is opened rejects, and closes what was opened', async () => {
    let wasClosed = false;
    let open: (blob: UpstreamBlob) => void = () => {};
    const upstream = { name: 'hub.example', openBlob: () => new Promise<UpstreamBlob>((resolve) => (open = resolve)) };
    const download = new BlobDownload({ upstream, repository: 'a', digest }, { start: 0 });
    const reading = download.read(Buffer.alloc(10));
    reading.catch(() => {});
    download.close();
    open({ size: 10, start: 0, body: { read: async () => 10, close: () => (wasClosed = true) } });
    await expect(reading).rejects.toThrow('the download has been closed');
    expect(wasClosed).toBe(true);
  });
});

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
