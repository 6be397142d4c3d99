import { describe, expect, it } from 'vitest';

import { allowNames } from '../../src/filters/allow-names.ts';
import { createNameFilter, refuseNames } from '../../src/filters/name-filter.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { MountSource } from '../../src/registry/registry.ts';
import { callsOf, fakeRegistry, LISTS, READS, UPLOADS, WRITES } from './fake-registry.ts';

const isAllowed = createNameFilter({ allow: ['team/*'], deny: ['team/secret'] });
const refusalOf = refuseNames(isAllowed, 'docker.io');

describe('a registry with allowed names', () => {
  it.each([...READS, ...LISTS, ...WRITES, ...UPLOADS])('rejects %s for another name', async (name) => {
    const { registry, calls } = fakeRegistry();
    for (const repository of ['team/secret', 'library/alpine']) {
      await expect(callsOf(allowNames(registry, refusalOf)).get(name)?.(repository)).rejects.toMatchObject({
        code: 'DENIED',
        message: `docker.io/${repository} is excluded by the allow or deny list of docker.io`,
      });
    }
    expect(calls).toEqual([]);
  });

  it.each([...READS, ...LISTS, ...WRITES, ...UPLOADS])('passes %s on for an allowed name', (name) => {
    const { registry, calls } = fakeRegistry();
    const count = { listReferrers: 4, append: 4, finish: 4, mount: 4 }[name as string] ?? 3;
    const third = name === 'mount' ? { from: 'team/base', mayPull: () => true } : 'b';
    const args = ['team/app', 'a', third, 'c'].slice(0, count);
    const result = callsOf(allowNames(registry, refusalOf)).get(name)?.(...args);
    expect(result).toBe(callsOf(registry).get(name)?.()); // the same promise: a wrapper adds none
    expect(calls[0]).toEqual([name, ...args]);
  });

  it('mounts nothing from another name', async () => {
    const { registry, calls } = fakeRegistry();
    const { uploads } = allowNames(registry, refusalOf);
    const digest = digestOf(Buffer.from('x'));
    const source = { from: 'team/secret', mayPull: () => true };
    await expect(uploads.mount('team/app', digest, source)).resolves.toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('searches no other name for a mount without a source', async () => {
    const { registry, calls } = fakeRegistry();
    const { uploads } = allowNames(registry, refusalOf);
    const mayPull = (name: string) => name !== 'team/foreign';
    await uploads.mount('team/app', digestOf(Buffer.from('x')), { from: undefined, mayPull });
    const [, , , passed] = calls[0] as [string, string, string, MountSource];
    expect(['team/base', 'team/secret', 'team/foreign'].map(passed.mayPull)).toEqual([true, false, false]);
  });

  it('keeps the catalog and the size of chunks', async () => {
    const { registry, calls } = fakeRegistry();
    const allowed = allowNames(registry, refusalOf);
    await allowed.listRepositories({ n: 1 });
    expect(calls).toEqual([['listRepositories', { n: 1 }, undefined]]);
    expect(allowed.uploads.minChunkBytes).toBe(5);
  });
});

describe('a name filter', () => {
  it('allows every name when it has no rule', () => {
    expect(createNameFilter({ allow: [], deny: [] })('any/name')).toBe(true);
  });

  it('denies what both lists match', () => {
    expect(['team/app', 'team/secret', 'app'].map(isAllowed)).toEqual([true, false, false]);
  });
});
