import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';

const root = join(import.meta.dirname, '../..');

describe('what the container image serves', () => {
  it('is what is served without a configuration, where distribution keeps it', async () => {
    const image = await loadConfig({ file: join(root, 'config/docker.yml'), env: {} });
    const { config: builtIn } = await loadConfig({ env: {} });
    expect(image.warnings).toEqual([]);
    expect(image.config.proxy).toEqual(builtIn.proxy);
    expect(image.config.http.listen).toEqual({ net: 'tcp', host: undefined, port: 5000 });
    expect(image.config.storage.driver).toEqual({ kind: 'filesystem', rootDirectory: '/var/lib/registry' });
  });

  it('is copied from files that are there, and that .dockerignore lets through', async () => {
    const sources = await copiedFiles();
    expect(sources).toContain('src');
    const ignore = await readFile(join(root, '.dockerignore'), 'utf8');
    for (const source of sources) {
      await expect(access(join(root, source)), source).resolves.toBeUndefined();
      expect(ignore.split('\n')).toContain(`!${source}`);
    }
  });
});

/** From the repository, not from another stage. */
async function copiedFiles(): Promise<string[]> {
  const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
  const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)];
  return copies.flatMap(([, files = '']) => files.split(' '));
}
