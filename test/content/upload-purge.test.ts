import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { SYSTEM_CLOCK } from '../../src/clock/clock.ts';
import { purgeUploads } from '../../src/content/upload-purge.ts';
import { UploadPurging } from '../../src/content/upload-purging.ts';
import { createContent } from './content-under-test.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-01-10T00:00:00Z');
const REPOSITORIES = 'docker/registry/v2/repositories';

type Content = Awaited<ReturnType<typeof createContent>>;

async function addUpload({ driver }: Content, name: string, startedAt: string | undefined): Promise<string> {
  const directory = `/${REPOSITORIES}/${name}`;
  await driver.staging.create(`${directory}/data`);
  if (startedAt !== undefined) await driver.writeSmall(`${directory}/startedat`, Buffer.from(startedAt));
  return directory;
}

const purge = ({ driver }: Content, dryRun = false) => purgeUploads(driver, { before: NOW - 24 * HOUR, dryRun });

describe('abandoned uploads', () => {
  it('are removed when they are old, wherever the repository lies, with everything in them', async () => {
    await using content = await createContent();
    await addUpload(content, 'a/_uploads/1', '2026-01-08T00:00:00Z');
    await addUpload(content, 'deep/er/name/_uploads/2', '2026-01-08T00:00:00Z');
    await content.driver.writeSmall(`/${REPOSITORIES}/a/_uploads/1/hashstates/sha256/10`, Buffer.from('x'));
    await addUpload(content, 'a/_uploads/3', '2026-01-09T12:00:00Z');
    expect(await purge(content)).toBe(2);
    expect(await content.driver.list(`/${REPOSITORIES}/a/_uploads`)).toEqual(['3']);
    expect(await content.driver.list(`/${REPOSITORIES}/deep/er/name/_uploads`)).toEqual([]);
    expect(await purge(content)).toBe(0);
  });

  it('stay when one only wants to know how many there are', async () => {
    await using content = await createContent();
    await addUpload(content, 'a/_uploads/1', '2026-01-08T00:00:00Z');
    expect(await purge(content, true)).toBe(1);
    expect(await content.driver.list(`/${REPOSITORIES}/a/_uploads/1`)).toContain('data');
  });

  it('stay while a client writes to them', async () => {
    await using content = await createContent();
    const directory = await addUpload(content, 'a/_uploads/1', '2026-01-08T00:00:00Z');
    const staged = await content.driver.staging.hold(`${directory}/data`);
    expect(await purge(content)).toBe(0);
    await staged.keep();
    expect(await purge(content)).toBe(1);
  });

  it.each([undefined, '', 'yesterday'])('are as old as their files when startedat is %j', async (startedAt) => {
    await using content = await createContent();
    for (const id of ['old', 'new']) await addUpload(content, `a/_uploads/${id}`, startedAt);
    const at = (name: string) => join(content.root, REPOSITORIES, 'a/_uploads', name);
    await utimes(at('old'), new Date(NOW - 48 * HOUR), new Date(NOW - 48 * HOUR));
    expect(await purge(content)).toBe(1);
    expect(await content.driver.list(`/${REPOSITORIES}/a/_uploads`)).toEqual(['new']);
  });

  it('are removed also when their bytes are gone, or were never there', async () => {
    await using content = await createContent();
    const directory = join(content.root, REPOSITORIES, 'a/_uploads/1');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'startedat'), '2026-01-08T00:00:00Z');
    expect(await purge(content)).toBe(1);
    expect(await content.driver.list(`/${REPOSITORIES}/a/_uploads`)).toEqual([]);
  });

  it('are purged at intervals, and reported when there were some', async () => {
    await using content = await createContent();
    await addUpload(content, 'a/_uploads/1', '2026-01-08T00:00:00Z');
    const events: object[] = [];
    const onPurged = (event: object) => events.push(event);
    const failed: unknown[] = [];
    const { driver } = content;
    const purging = new UploadPurging({
      ...{
        driver,
        ageMs: 24 * HOUR,
        intervalMs: 1,
        dryRun: false,
        clock: { ...SYSTEM_CLOCK, now: () => NOW },
        onPurged,
      },
      onFailed: (error) => failed.push(error),
    });
    purging.start();
    await expect.poll(() => events).toEqual([{ uploads: 1, dryRun: false }]);
    await addUpload(content, 'b/_uploads/2', '2026-01-08T00:00:00Z');
    await expect.poll(() => events.length).toBe(2);
    await purging.stop();
    expect(failed).toEqual([]);
  });
});
