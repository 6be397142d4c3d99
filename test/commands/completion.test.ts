import { expect, it } from 'vitest';

import { CONFIG, imageOf, LAYER, Repository } from '../integration/manifest-pushing.ts';
import { Layover } from '../support/layover.ts';
import { runLayoverProcess } from '../support/run-layover.ts';

it.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (shell) => {
  const { code, stdout } = await runLayoverProcess(['completion', shell]);
  expect([code, stdout.includes('layover complete --')]).toEqual([0, true]);
});

it('completes commands, options and names of stored images', async () => {
  await using layover = await Layover.start();
  const repository = new Repository(layover.url, 'team/app');
  await repository.addBlobs(CONFIG, LAYER);
  expect((await repository.put(imageOf('one'), 'v1')).status).toBe(201);
  const words = async (...args: string[]) => {
    const env = { REGISTRY_CONFIGURATION_PATH: layover.configFile };
    const { stdout } = await runLayoverProcess(['complete', '--', ...args], { env });
    return stdout.split('\n').map((line) => line.split('\t')[0]);
  };
  expect(await words('ca')).toContain('cache');
  expect(await words('cache', 'ev')).toContain('evict');
  expect(await words('cache', 'list', '--so')).toContain('--sort');
  await expect.poll(() => words('cache', 'evict', ''), { timeout: 30_000 }).toContain('team/app:v1');
  expect(await words('cache', 'evict', 'other')).not.toContain('team/app:v1');
}, 60_000);
