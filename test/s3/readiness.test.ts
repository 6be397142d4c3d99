import { describe, expect, it } from 'vitest';

import { Layover } from '../support/layover.ts';
import { sharedS3, versitygw } from './s3-scene.ts';
import { ACCESS_KEY, BUCKET, SECRET_KEY } from './versitygw.ts';

describe.skipIf(versitygw === undefined)('a start with a wrong configuration of S3', () => {
  const s3 = sharedS3();

  async function startWith(more: object): Promise<Layover> {
    const options = { bucket: BUCKET, accesskey: ACCESS_KEY, secretkey: SECRET_KEY, regionendpoint: s3().url };
    return Layover.start({ config: { storage: { filesystem: undefined, s3: { ...options, ...more } } } });
  }

  it.each([
    ['storage.s3.bucket', { bucket: 'absent' }],
    ['storage.s3.accesskey', { accesskey: 'unknown' }],
    ['storage.s3.secretkey', { secretkey: 'wrong' }],
  ])('is not ready, and the log names %s', async (setting, more) => {
    await using layover = await startWith(more);
    const [line] = await layover.waitForOutput(/.*startup check failed.*/);
    expect(line).toContain('level=error');
    expect(line).toContain(`(check ${setting})`);
    expect((await fetch(`${layover.url}/readyz`)).status).toBe(503);
  });

  it('is ready with the right one', async () => {
    await using layover = await startWith({});
    await expect.poll(async () => (await fetch(`${layover.url}/readyz`)).status).toBe(200);
    expect(layover.output).not.toContain('startup check failed');
  });
});
