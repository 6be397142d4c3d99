import { describe, expect, it } from 'vitest';

import { readOnly } from '../../src/filters/read-only.ts';
import { callsOf, fakeRegistry, LISTS, READS, UPLOADS, WRITES } from './fake-registry.ts';

describe('a read-only registry', () => {
  it.each([...WRITES, ...UPLOADS])('rejects %s with 405, and names the methods that are left', async (name) => {
    const { registry, calls } = fakeRegistry();
    const refused = callsOf(readOnly(registry)).get(name)?.('team/app');
    await expect(refused).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      status: 405,
      message: 'the registry is read-only: push and delete are off',
      options: { headers: { allow: 'GET, HEAD, OPTIONS' } },
    });
    expect(calls).toEqual([]);
  });

  it.each([...READS, ...LISTS])('passes %s on as it is', async (name) => {
    const { registry, calls } = fakeRegistry();
    const args = ['team/app', 'a', 'b', 'c'].slice(0, name === 'listReferrers' ? 4 : 3);
    const result = callsOf(readOnly(registry)).get(name)?.(...args);
    expect(result).toBe(callsOf(registry).get(name)?.()); // the same promise: a wrapper adds none
    expect(calls[0]).toEqual([name, ...args]);
  });

  it('lists the same repositories', async () => {
    const { registry, calls } = fakeRegistry();
    const options = {};
    await readOnly(registry).listRepositories({ n: 1 }, options);
    expect(calls).toEqual([['listRepositories', { n: 1 }, options]]);
  });

  it('gives the reason that its owner wants', async () => {
    const { registry } = fakeRegistry();
    const described = readOnly(registry, (repository) => `${repository} is archived`);
    await expect(described.uploads.start('team/app', 'sha256')).rejects.toThrow('team/app is archived');
    expect(described.uploads.minChunkBytes).toBe(0);
  });
});
