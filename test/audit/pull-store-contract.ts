import { randomUUID } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import type { PullRecord } from '../../src/audit/pull-record.ts';
import type { PullStore } from '../../src/audit/pull-store.ts';
import { findPulls } from '../../src/audit/find-pulls.ts';
import { digestOf } from '../../src/oci/digest.ts';

const DAY_MS = 86_400_000;
const EVERYTHING = { keepMs: 30 * DAY_MS, maxBytes: Infinity };

export interface OpenedStore extends AsyncDisposable {
  readonly store: PullStore;
}

/** Records of the last days, the oldest first. */
export function pullsUntil(now: number, count: number): PullRecord[] {
  return Array.from({ length: count }, (_, i) => pullAt(now - (count - 1 - i) * 1_000, i));
}

export function batchOf(records: readonly PullRecord[]) {
  return { id: randomUUID(), records };
}

export function pullAt(at: number, i = 0): PullRecord {
  return {
    at,
    kind: 'pull',
    outcome: 'hit',
    repository: `docker.io/library/app${i % 3}`,
    requestedAs: `library/app${i % 3}`,
    upstream: 'docker.io',
    reference: `tag-${i}`,
    digest: digestOf(Buffer.from(`manifest ${i}`)),
    user: `client-${i % 5}`,
    address: `10.0.0.${i % 7}`,
    userAgent: 'containerd/v1.7.2',
    count: 1,
    bytes: 500 + i,
  };
}

/** What every store of pulls does. */
export function describePullStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} keeps to the contract and`, () => {
    it('returns what was appended, the newest first, page by page', async () => {
      await using opened = await open();
      const { store } = opened;
      const pulls = pullsUntil(Date.now(), 1_000);
      await store.append(batchOf(pulls.slice(0, 600)));
      await store.append(batchOf(pulls.slice(600)));
      const first = await store.read({ limit: 700 });
      const rest = await store.read({ before: first.at(-1)?.id, limit: 700 });
      expect([...first, ...rest].map(({ record }) => record)).toEqual(pulls.toReversed());
      expect(await store.read({ before: rest.at(-1)?.id, limit: 10 })).toEqual([]);
    });

    it('keeps every field, also of records with few', async () => {
      await using opened = await open();
      const digest = digestOf(Buffer.from('child'));
      const records: PullRecord[] = [
        { at: Date.now(), kind: 'blobs', outcome: 'fill', repository: 'team/app', count: 3, bytes: 70_000_000_000 },
        {
          ...pullAt(Date.now(), 1),
          reference: digest,
          digest,
          index: digestOf(Buffer.from('index')),
          platform: 'linux/arm64/v8',
          outcome: 'refused',
          error: 'DENIED',
        },
      ];
      for (const record of records) {
        await opened.store.append(batchOf([record]));
        expect((await opened.store.read({ limit: 1 }))[0]?.record).toEqual(record);
      }
    });

    it('removes old records, and the oldest ones beyond its size', async () => {
      await using opened = await open();
      const { store } = opened;
      const now = Date.now();
      await store.append(batchOf(pullsUntil(now, 4_000)));
      expect(await store.trim({ ...EVERYTHING, now })).toBe(false);
      expect(await store.read({ limit: 5_000 })).toHaveLength(4_000);

      expect(await store.trim({ ...EVERYTHING, now, maxBytes: 200_000 })).toBe(true);
      const left = await store.read({ limit: 5_000 });
      expect(left.length).toBeGreaterThan(300);
      expect(left.length).toBeLessThan(2_000);
      expect(left[0]?.record).toEqual(pullsUntil(now, 4_000).at(-1));

      expect(await store.trim({ ...EVERYTHING, now: now + DAY_MS, keepMs: 0 })).toBe(false);
      expect(await store.read({ limit: 5_000 })).toEqual([]);
    });

    it('rejects a cursor that is not one', async () => {
      await using opened = await open();
      const rejected = expect(opened.store.read({ before: "1-1'; drop", limit: 1 })).rejects;
      await rejected.toMatchObject({ reason: 'invalid' });
    });

    it('is searched by image, digest, client and time', async () => {
      await using opened = await open();
      const { store } = opened;
      const now = Date.now();
      const pulls = pullsUntil(now, 600);
      await store.append(batchOf(pulls));
      const found = async (query: Parameters<typeof findPulls>[1]) =>
        (await findPulls(store, { limit: 1_000, ...query })).pulls.map(({ reference }) => reference);
      expect(await found({})).toHaveLength(600);
      expect(await found({ image: 'library/app1' })).toHaveLength(200);
      expect(await found({ image: 'docker.io/*/app1' })).toHaveLength(200);
      expect(await found({ image: '**:tag-17' })).toEqual(['tag-17']);
      expect(await found({ digest: pulls[42]?.digest })).toEqual(['tag-42']);
      expect(await found({ client: 'client-3' })).toHaveLength(120);
      expect(await found({ client: '10.0.0.0/30' })).toHaveLength(344);
      expect(await found({ client: '10.0.0.6', image: 'app0', since: now - 100_500 })).toHaveLength(5);
      expect(await found({ since: now - 9_500 })).toHaveLength(10);
      await expect(found({ digest: 'sha256:short' })).rejects.toMatchObject({ reason: 'invalid' });
      await expect(found({ image: 'a/!(b)' })).rejects.toMatchObject({ reason: 'invalid' });
    });

    it('is searched in pages that continue where the last one ended', async () => {
      await using opened = await open();
      const pulls = pullsUntil(Date.now(), 50);
      await opened.store.append(batchOf(pulls));
      const seen: unknown[] = [];
      let cursor: string | undefined;
      do {
        const page = await findPulls(opened.store, { limit: 20, cursor, image: 'library' });
        seen.push(...page.pulls);
        ({ cursor } = page);
      } while (cursor !== undefined);
      expect(seen).toEqual(pulls.toReversed());
    });
  });
}
