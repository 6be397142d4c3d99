import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import type { DeniedContent } from '../../src/policy/denials.ts';
import { WatchedDenyFile } from '../../src/policy/watched-deny-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const one = digestOf(Buffer.from('one'));
const two = digestOf(Buffer.from('two'));

describe('a watched deny file', () => {
  it('is read again after a change; a file that cannot be read changes nothing', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'denied.txt');
    await writeFile(path, `${one}\n`);
    const clock = new FakeClock();
    const lists: DeniedContent[] = [];
    const problems: string[] = [];
    const file = await WatchedDenyFile.open({
      path,
      clock,
      onChanged: async (list) => void lists.push(list),
      onUnreadable: (error) => problems.push(String(error)),
    });
    const digests = () => lists.map((list) => [...list.digests.keys()]);
    expect(digests()).toEqual([[one]]);

    await writeFile(path, `${one}\n${two}\n`);
    await expect.poll(() => clock.advance(1_000).then(digests)).toEqual([[one], [one, two]]);

    await writeFile(path, 'not a digest\n');
    await expect.poll(() => clock.advance(1_000).then(() => problems)).toHaveLength(1);
    expect(problems[0]).toContain('line 1: must be a digest');
    await rm(path);
    await expect.poll(() => clock.advance(1_000).then(() => problems)).toHaveLength(2);
    await clock.advance(5_000);
    expect(problems[1]).toContain('ENOENT');
    expect(lists).toHaveLength(2);

    await writeFile(path, `${two}\n`);
    await expect.poll(() => clock.advance(1_000).then(digests)).toEqual([[one], [one, two], [two]]);
    file.close();
  });

  it('must be usable at the start', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'denied.txt');
    const options = { path, clock: new FakeClock(), onChanged: async () => {}, onUnreadable: () => {} };
    await expect(WatchedDenyFile.open(options)).rejects.toThrow(`policy.deny.file: cannot use ${path}: ENOENT`);
    await writeFile(path, 'docker.io/library/app:1\n');
    await expect(WatchedDenyFile.open(options)).rejects.toThrow(
      `policy.deny.file: cannot use ${path}: line 1: must be`,
    );
    const device = { ...options, path: '/dev/zero' };
    await expect(WatchedDenyFile.open(device)).rejects.toThrow('cannot use /dev/zero: not a file');
  });
});
