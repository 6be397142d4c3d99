import { describe, expect, it } from 'vitest';

import { PullBatch } from '../../src/audit/pull-batch.ts';
import type { ServedRequest } from '../../src/audit/pull-record.ts';
import { digestOf } from '../../src/oci/digest.ts';

const digest = digestOf(Buffer.from('a manifest'));

const PULL: ServedRequest = {
  address: '10.1.2.3',
  userAgent: 'containerd/v1.7.2',
  user: 'ci',
  method: 'GET',
  handler: 'manifest',
  repository: 'library/app',
  reference: 'latest',
  stored: 'docker.io/library/app',
  digest,
  status: 200,
  bytes: 500,
  outcome: 'HIT',
  upstream: 'docker.io',
  aborted: false,
};

function recorded(...requests: readonly Partial<ServedRequest>[]) {
  const batch = new PullBatch('full');
  for (const [i, request] of requests.entries()) batch.add({ ...PULL, ...request }, 1_000 + i);
  return batch.take();
}

describe('a batch of pulls', () => {
  it('has everything about a pull, and equal ones once', () => {
    expect(recorded({}, {}, { bytes: 7 })).toEqual([
      {
        at: 1_000,
        kind: 'pull',
        repository: 'docker.io/library/app',
        requestedAs: 'library/app',
        upstream: 'docker.io',
        reference: 'latest',
        digest,
        outcome: 'hit',
        user: 'ci',
        address: '10.1.2.3',
        userAgent: 'containerd/v1.7.2',
        count: 3,
        bytes: 1_007,
      },
    ]);
  });

  it.each<[string, Partial<ServedRequest>]>([
    ['client', { user: 'other' }],
    ['address', { address: '10.1.2.4' }],
    ['user agent', { userAgent: 'docker/27' }],
    ['tag', { reference: '2' }],
    ['digest of the same tag', { digest: digestOf(Buffer.from('another')) }],
    ['outcome', { outcome: 'MISS' }],
    ['name', { repository: 'docker.io/library/app' }],
  ])('has two records when the %s differs', (_what, other) => {
    expect(recorded({}, other)).toHaveLength(2);
  });

  it('is empty once it was taken', () => {
    const batch = new PullBatch('full');
    batch.add(PULL, 1);
    expect(batch.take()).toHaveLength(1);
    expect(batch.take()).toEqual([]);
    expect(batch.size).toBe(0);
  });

  it.each<[Partial<ServedRequest>, string | undefined, string | undefined]>([
    [{}, 'pull', 'hit'],
    [{ outcome: 'MISS' }, 'pull', 'miss'],
    [{ outcome: 'STALE' }, 'pull', 'stale'],
    [{ status: 304 }, 'check', 'hit'],
    [{ method: 'HEAD' }, 'check', 'hit'],
    [{ method: 'HEAD', reference: digest }, undefined, undefined],
    [{ status: 403, digest: undefined, error: { code: 'DENIED' } }, 'pull', 'refused'],
    [{ status: 404, digest: undefined, error: { code: 'MANIFEST_UNKNOWN' } }, 'pull', 'failed'],
    [{ aborted: true }, 'pull', 'failed'],
    // The challenge at the start of every pull with credentials.
    [{ status: 401, user: '' }, undefined, undefined],
    [{ handler: 'blob', reference: digest, outcome: 'FILL' }, 'blobs', 'fill'],
    [{ handler: 'blob', method: 'HEAD' }, undefined, undefined],
    [{ handler: 'manifest', method: 'PUT' }, undefined, undefined],
    [{ handler: 'tags' }, undefined, undefined],
  ])('records %o as %s, %s', (request, kind, outcome) => {
    const [record] = recorded(request);
    expect([record?.kind, record?.outcome]).toEqual([kind, outcome]);
  });

  it('counts the blobs of a client and repository together, without their digests', () => {
    const blob = { handler: 'blob', bytes: 100 };
    const records = recorded({ ...blob, reference: digest }, { ...blob, reference: digestOf(Buffer.alloc(1)) });
    expect(records).toMatchObject([{ kind: 'blobs', count: 2, bytes: 200, reference: undefined, digest: undefined }]);
  });

  it('shortens user agents and names of clients, and removes what changes a terminal', () => {
    const [record] = recorded({ userAgent: `\u001b[31mred\u0007${'x'.repeat(10_000)}`, user: 'a\nb\u202ec' });
    expect(record?.userAgent).toMatch(/^\?\[31mred\?x+$/);
    expect(record?.userAgent).toHaveLength(256);
    expect(record?.user).toBe('a?b?c');
  });

  it('leaves addresses out, or shortens them', () => {
    for (const [detail, address] of [
      ['none', undefined],
      ['network', '10.1.2.0/24'],
    ] as const) {
      const batch = new PullBatch(detail);
      batch.add(PULL, 1);
      expect(batch.take()).toMatchObject([{ address }]);
    }
  });

  it('combines the requests of a client that varies them, and no others', () => {
    const batch = new PullBatch('full');
    for (let i = 0; i < 2_000; i++) {
      batch.add({ ...PULL, reference: `missing-${i}`, status: 404, digest: undefined }, i);
      batch.add({ ...PULL, userAgent: `agent-${i}` }, i);
    }
    batch.add({ ...PULL, address: '10.9.9.9' }, 1);
    const records = batch.take();
    expect(records.length).toBeLessThan(510);
    expect(records.reduce((sum, { count }) => sum + count, 0)).toBe(4_001);
    const combined = records.filter(({ count }) => count > 100);
    expect(combined).toMatchObject([
      { outcome: 'failed', repository: '', address: '10.1.2.3' },
      { outcome: 'hit', repository: 'docker.io/library/app', reference: 'latest', digest, userAgent: undefined },
    ]);
    expect(records.filter(({ address }) => address === '10.9.9.9')).toHaveLength(1);
  });

  it('adds the records of other processes to equal ones', () => {
    const batch = new PullBatch('full');
    for (const record of [...recorded({}), ...recorded({}, {})]) batch.addRecord(record);
    expect(batch.take()).toMatchObject([{ count: 3, bytes: 1_500, reference: 'latest' }]);
  });
});
