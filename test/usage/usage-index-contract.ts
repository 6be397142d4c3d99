import { describe, expect, it } from 'vitest';

import type { ContentKind, UsageIndex, UsageRecord } from '../../src/usage/usage-index.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { collected } from './collected.ts';

export interface IndexUnderTest extends AsyncDisposable {
  readonly index: UsageIndex;
}

const digest = (text: string) => digestOf(Buffer.from(text));
const long = digestOf(Buffer.from('long'), 'sha512');
const EVER = Number.MAX_SAFE_INTEGER;

interface UseOptions {
  readonly size?: number;
  readonly kind?: ContentKind;
}

function use(repository: string, text: string, at: number, { size = 10, kind = 'blob' }: UseOptions = {}) {
  return { repository, digest: digest(text), kind, size, at };
}

/** What every driver of the index has to do. */
export function describeUsageIndex(name: string, create: () => Promise<IndexUnderTest>): void {
  describe(`${name} keeps to the contract and`, () => {
    it('counts the bytes of a digest once, however many repositories have it', async () => {
      await using made = await create();
      await made.index.record([use('a', 'x', 1), use('b', 'x', 2), use('b', 'y', 3, { size: 5 })]);
      expect(await made.index.totals()).toEqual({ bytes: 15, digests: 2, references: 3, repositories: 2 });
      await made.index.record([use('a', 'x', 4)]);
      expect(await made.index.totals()).toEqual({ bytes: 15, digests: 2, references: 3, repositories: 2 });
      expect(await made.index.holders(digest('x'))).toEqual([
        { repository: 'a', kind: 'blob' },
        { repository: 'b', kind: 'blob' },
      ]);
    });

    it('lists holders in pages, and those that do not fit into one turn of the event loop', async () => {
      await using made = await create();
      const names = Array.from({ length: 600 }, (_, i) => `r${String(i).padStart(3, '0')}`);
      await made.index.record(names.map((repository) => use(repository, 'x', 1)));
      await made.index.record([use('r000', 'x', 1, { kind: 'manifest' }), use('other', 'y', 1)]);
      const all = await made.index.holders(digest('x'));
      expect(all.map(({ repository }) => repository)).toEqual(['r000', ...names]);
      const [first, second] = all;
      expect(await made.index.holders(digest('x'), { limit: 1 })).toEqual([first]);
      expect(await made.index.holders(digest('x'), { after: first, limit: 1 })).toEqual([second]);
      expect(await made.index.holders(digest('x'), { after: second, limit: 999 })).toEqual(all.slice(2));
      expect(await made.index.holders(digest('x'), { after: all.at(-1), limit: 1 })).toEqual([]);
      expect(await made.index.totals()).toMatchObject({ repositories: 601 });
    });

    it('gives the queue in pages, also where many have the same rank', async () => {
      await using made = await create();
      const uses = Array.from({ length: 9 }, (_, i) => use(`r${i % 2}`, `d${i}`, Math.floor(i / 4)));
      await made.index.record([...uses, use('r0', 'm', 0, { kind: 'manifest' })]);
      const all = await made.index.oldest({ kind: 'blob', before: EVER, limit: 99 });
      expect(all).toHaveLength(9);
      for (const limit of [1, 2, 5]) {
        const seen = [];
        for (let after = all[0]; after !== undefined; ) {
          const page = await made.index.oldest({ kind: 'blob', before: EVER, after, limit });
          seen.push(...page);
          after = page.at(-1);
        }
        expect(seen).toEqual(all.slice(1));
      }
      const [first, second] = all;
      await made.index.defer([first as UsageRecord], 100);
      expect(await made.index.oldest({ kind: 'blob', before: 100, after: first, limit: 99 })).toContainEqual(second);
    });

    it('counts repositories, each while it has content', async () => {
      await using made = await create();
      const uses = [use('a', 'x', 1), use('a', 'y', 1), use('a/b', 'x', 1), use('b', 'x', 1)];
      await made.index.record(uses);
      expect(await made.index.totals()).toMatchObject({ repositories: 3 });
      await made.index.remove(uses.slice(1, 3));
      expect(await made.index.totals()).toMatchObject({ repositories: 2 });
      await made.index.remove(uses);
      expect(await made.index.totals()).toMatchObject({ repositories: 0 });
      await made.index.record(uses);
      await made.index.recount();
      expect(await made.index.totals()).toMatchObject({ repositories: 3, references: 4, digests: 2, bytes: 20 });
    });

    it.each(['name', 'used', 'size'] as const)('gives repositories by %s, page by page', async (order) => {
      await using made = await create();
      const minute = 60_000;
      for (let i = 0; i < 9; i++) {
        const at = (1 + ((i * 4) % 5)) * minute;
        await made.index.record([
          use(`r${i}`, `d${i}`, at, { size: 10 * ((i * 7) % 4) }),
          use(`r${i}`, `m${i}`, at, { size: 1, kind: 'manifest' }),
        ]);
      }
      const whole = await made.index.repositories({ order, limit: 99 });
      expect(whole).toHaveLength(9);
      const keys = whole.map(({ repository, lastUsedAt, bytes }) =>
        order === 'name' ? Number(repository.slice(1)) : -(order === 'used' ? lastUsedAt : bytes),
      );
      expect(keys).toEqual(keys.toSorted((a, b) => a - b));
      for (const limit of [1, 2, 4]) {
        const seen = [];
        for (let page = await made.index.repositories({ order, limit }); page.length > 0; ) {
          seen.push(...page);
          page = await made.index.repositories({ order, limit, after: page.at(-1) });
        }
        expect(seen).toEqual(whole);
      }
      expect(await made.index.repositories({ order: 'name', from: 'r7', limit: 9 })).toHaveLength(2);
    });

    it('sums over the references of a repository', async () => {
      await using made = await create();
      const manifest = { kind: 'manifest', size: 3 } as const;
      await made.index.record([use('a', 'x', 5), use('a', 'm', 7, manifest), use('b', 'x', 1)]);
      expect(await made.index.sumsOf('a')).toEqual({ repository: 'a', manifests: 1, bytes: 13, lastUsedAt: 5 });
      await made.index.record([use('a', 'x', 70_000, { size: 20 })]);
      expect(await made.index.sumsOf('a')).toEqual({ repository: 'a', manifests: 1, bytes: 23, lastUsedAt: 70_000 });
      await made.index.remove([use('a', 'm', 0, manifest)]);
      expect(await made.index.sumsOf('a')).toMatchObject({ manifests: 0, bytes: 20 });
      await made.index.recount();
      expect(await made.index.sumsOf('a')).toEqual({ repository: 'a', manifests: 0, bytes: 20, lastUsedAt: 70_000 });
      await made.index.remove([use('a', 'x', 0)]);
      expect(await made.index.sumsOf('a')).toBeUndefined();
      expect(await made.index.repositories({ order: 'size', limit: 9 })).toMatchObject([{ repository: 'b' }]);
    });

    it('orders by last use, and never takes a use for earlier than it knows', async () => {
      await using made = await create();
      await made.index.record([use('a', 'x', 10), use('a', 'y', 20), use('a', 'm', 15, { kind: 'manifest' })]);
      await made.index.record([use('a', 'x', 30), use('a', 'y', 5)]);
      const oldest = await made.index.oldest({ before: EVER, limit: 10 });
      expect(oldest.map(({ kind, lastUsedAt }) => [kind, lastUsedAt])).toEqual([
        ['manifest', 15],
        ['blob', 20],
        ['blob', 30],
      ]);
      expect(await made.index.oldest({ before: 20, limit: 10 })).toMatchObject([{ lastUsedAt: 15 }]);
      expect(await made.index.oldest({ kind: 'blob', before: EVER, limit: 1 })).toMatchObject([{ lastUsedAt: 20 }]);
    });

    it('moves references that could not be removed to the end, without recording a use', async () => {
      await using made = await create();
      await made.index.record([use('a', 'x', 10), use('a', 'y', 20)]);
      await made.index.defer([use('a', 'x', 0)], 25);
      expect(await made.index.oldest({ before: EVER, limit: 10 })).toMatchObject([
        { lastUsedAt: 20, rank: 20 },
        { lastUsedAt: 10, rank: 25 },
      ]);
    });

    it('does not record unknown references, for a use with onlyKnown', async () => {
      await using made = await create();
      await made.index.record([{ ...use('a', 'x', 10), onlyKnown: true }]);
      expect(await made.index.find(use('a', 'x', 0))).toBeUndefined();
      await made.index.record([use('a', 'x', 10)]);
      await made.index.record([{ repository: 'a', digest: digest('x'), kind: 'blob', at: 12, onlyKnown: true }]);
      expect(await made.index.find(use('a', 'x', 0))).toMatchObject({ lastUsedAt: 12, size: 10 });
    });

    it('counts the bytes of a digest without references until they are reported as removed', async () => {
      await using made = await create();
      await made.index.record([use('a', 'x', 1), use('b', 'x', 2)]);
      await made.index.remove([use('a', 'x', 0)]);
      expect(await made.index.unreferencedDigests({ limit: 10 })).toEqual([]);
      await made.index.remove([use('b', 'x', 0)]);
      expect(await made.index.unreferencedDigests({ limit: 10 })).toEqual([digest('x')]);
      expect(await made.index.totals()).toEqual({ bytes: 10, digests: 1, references: 0, repositories: 0 });
      await made.index.bytesRemoved(digest('x'));
      expect(await made.index.unreferencedDigests({ limit: 10 })).toEqual([]);
      expect(await made.index.totals()).toEqual({ bytes: 0, digests: 0, references: 0, repositories: 0 });
    });

    it('takes bytes that come back for what they were', async () => {
      await using made = await create();
      await made.index.record([use('a', 'x', 1)]);
      await made.index.bytesRemoved(digest('x'));
      expect(await made.index.totals()).toEqual({ bytes: 0, digests: 1, references: 1, repositories: 1 });
      await made.index.record([use('a', 'x', 2)]);
      expect(await made.index.totals()).toEqual({ bytes: 10, digests: 1, references: 1, repositories: 1 });
      await made.index.remove([use('a', 'x', 0)]);
      await made.index.record([use('b', 'x', 3)]);
      expect(await made.index.unreferencedDigests({ limit: 10 })).toEqual([]);
    });

    it('knows what manifests are made of, and which a blob is part of', async () => {
      await using made = await create();
      await made.index.record([use('a', 'm', 1, { kind: 'manifest' })]);
      expect(await made.index.partsOf(digest('m'))).toBeUndefined();
      await made.index.putParts(digest('m'), [digest('x'), long, digest('x')]);
      await made.index.putParts(digest('n'), [digest('x')]);
      expect(await made.index.partsOf(digest('m'))).toEqual([digest('x'), long]);
      expect((await collected(made.index.parentsOf(digest('x')))).sort()).toEqual([digest('m'), digest('n')].sort());
      await made.index.remove([use('a', 'm', 0, { kind: 'manifest' })]);
      await made.index.bytesRemoved(digest('m'));
      expect(await collected(made.index.parentsOf(digest('x')))).toEqual([digest('n')]);
    });

    it('gives everything in pages, and the references of one repository', async () => {
      await using made = await create();
      const uses = ['a', 'a/b', 'b'].flatMap((repository) => ['x', 'y'].map((text) => use(repository, text, 1)));
      await made.index.record(uses);
      const seen = [];
      for (let after: Parameters<UsageIndex['page']>[0]['after']; ; ) {
        const page = await made.index.page({ ...(after && { after }), limit: 4 });
        seen.push(...page);
        after = page.at(-1);
        if (page.length === 0) break;
      }
      expect(seen.map(({ repository }) => repository)).toEqual(['a', 'a', 'a/b', 'a/b', 'b', 'b']);
      expect(await collected(made.index.ofRepository('a'))).toHaveLength(2);
    });

    it('keeps pins and markers', async () => {
      await using made = await create();
      await made.index.pin({ pattern: 'a/*:lts', pinnedAt: 5 });
      expect(await made.index.pins()).toEqual([{ pattern: 'a/*:lts', pinnedAt: 5 }]);
      await made.index.pin({ pattern: 'a/*:lts', pinnedAt: 6, bundle: '0123456789ab' });
      expect(await made.index.unpin({ pattern: 'a/*:lts' })).toBe(true);
      expect(await made.index.pins()).toEqual([{ pattern: 'a/*:lts', pinnedAt: 6, bundle: '0123456789ab' }]);
      expect(await made.index.unpin({ pattern: 'a/*:lts' })).toBe(false);
      expect(await made.index.unpin({ pattern: 'a/*:lts', bundle: '0123456789ab' })).toBe(true);
      expect(await made.index.pins()).toEqual([]);
      await made.index.setMarker('complete', 'yes');
      expect(await made.index.marker('complete')).toBe('yes');
      await made.index.setMarker('complete', undefined);
      expect(await made.index.marker('complete')).toBeUndefined();
    });

    it('adds to sums, and keeps when it began', async () => {
      await using made = await create();
      expect(await made.index.counters()).toEqual({ since: undefined, sums: {} });
      await made.index.count({ hits: 2, bytes: 5_000_000_000 }, 7);
      await made.index.count({ hits: 1, misses: 4 }, 9);
      expect(await made.index.counters()).toEqual({ since: 7, sums: { hits: 3, bytes: 5_000_000_000, misses: 4 } });
    });

    it('removes a reference only when it was not used since it was read', async () => {
      await using made = await create();
      await made.index.record([use('a', 'x', 10)]);
      const [record] = await made.index.oldest({ before: EVER, limit: 1 });
      if (!record) throw new Error('nothing is recorded');
      await made.index.record([use('a', 'x', 20)]);
      expect(await made.index.removeUnused(record)).toBe(false);
      expect(await made.index.find(record)).toMatchObject({ lastUsedAt: 20 });
      expect(await made.index.removeUnused({ ...record, lastUsedAt: 20 })).toBe(true);
      expect(await made.index.find(record)).toBeUndefined();
    });

    it('records a link before it is made, and finds many references and parts at once', async () => {
      await using made = await create();
      const linked = await made.index.beginLink(use('a', 'x', 10));
      expect(await made.index.find(use('a', 'x', 0))).toMatchObject({ lastUsedAt: 10 });
      await linked();
      await made.index.record([use('b', 'y', 20)]);
      await made.index.putParts(digest('m'), [digest('x')]);
      const found = await made.index.findAll([use('b', 'y', 0), use('b', 'x', 0), use('a', 'x', 0)]);
      expect(found.map((record) => record?.lastUsedAt)).toEqual([20, undefined, 10]);
      expect(await made.index.partsOfAll([digest('n'), digest('m')])).toEqual([undefined, [digest('x')]]);
    });

    it('counts what fills will take, unless it is there already', async () => {
      await using made = await create();
      await made.index.record([use('a', 'x', 1)]);
      const fills = new Map([
        [digest('x'), 10],
        [digest('y'), 7],
      ]);
      expect(await made.index.reserve(fills)).toBe(7);
      await made.index.unreserve(digest('y'), 7);
      expect(await made.index.reserve(new Map())).toBe(0);
    });

    it('keeps texts of other modules, by table and key', async () => {
      await using made = await create();
      const texts = made.index.texts('releases');
      await texts.set('a@x', '1');
      await texts.set('a@x', '2');
      await texts.set('b@y', '3');
      await made.index.texts('admissions').set('a@x', 'other');
      expect(await texts.get('a@x')).toBe('2');
      expect(await texts.get('c')).toBeUndefined();
      expect((await collected(texts.entries())).sort()).toEqual([
        ['a@x', '2'],
        ['b@y', '3'],
      ]);
      expect([await texts.remove('a@x'), await texts.remove('a@x'), await texts.get('a@x')]).toEqual([
        true,
        false,
        undefined,
      ]);
      expect(await made.index.totals()).toMatchObject({ references: 0 });
    });

    it('counts again', async () => {
      await using made = await create();
      await made.index.record([use('a', 'x', 1), use('b', 'y', 2, { size: 7 })]);
      await made.index.recount();
      expect(await made.index.totals()).toEqual({ bytes: 17, digests: 2, references: 2, repositories: 2 });
    });
  });
}
