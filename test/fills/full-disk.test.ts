import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { canMount, smallDisk } from '../storage/filesystem/small-disk.ts';
import { seededContent } from '../support/content.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startFills } from './fills-under-test.ts';

const SIZE = 500_000;
const DISK_BYTES = 128 * 1024;
const content = Buffer.concat([...seededContent('full disk', SIZE).read()]);
const digest = digestOf(content);

const mountable = await canMount();
if (!mountable) console.warn('this user may not mount a tmpfs: the tests of a full disk are skipped');

describe.skipIf(!mountable)('a fill on a full disk', () => {
  it.each(['keeps sending', 'hangs'])('lets its clients continue without it while the upstream %s', async (how) => {
    await using disk = await smallDisk(`${DISK_BYTES / 1024}k`);
    await using scene = await startFills({ spoolDirectory: join(disk.path, 'fills') });
    const upstream = new FakeUpstream();
    upstream.addBlob(digest, content);
    if (how === 'hangs') upstream.faults.push({ kind: 'hang', after: DISK_BYTES + 1 });
    const repository = 'library/app';
    const pulled = await Promise.all([1, 2, 3].map(() => scene.pull({ upstream, repository, digest })));
    for (const { bytes, error } of pulled) {
      expect(error).toBeUndefined();
      expect(bytes.equals(content)).toBe(true);
    }
    await scene.idle();
    expect(scene.ended).toEqual(['discarded']);
    expect([...scene.storage.linked]).toEqual([]);
    expect(await scene.spoolFiles()).toEqual([]);
  });
});
