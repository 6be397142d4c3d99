import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');
const WITHOUT_PACKAGES = [
  ...readdirSync(join(SRC, 'oci')).map((file) => `oci/${file}`),
  ...['storage/index.ts', 'storage/driver.ts', 'storage/staging.ts'],
  ...['redis/create-redis.ts', 'redis/lease.ts', 'redis/leadership.ts'],
];
const WITH_PACKAGES = ['storage/s3/s3.ts', 'redis/connection.ts'];

/** Packages that a process loads when it imports each group of modules, in order, in addition to those loaded before. */
async function packagesLoadedBy(...groups: readonly string[][]): Promise<string[][]> {
  const program = `
    import { createRequire } from 'node:module';
    const { cache } = createRequire('/');
    const loaded = [];
    for (const group of ${JSON.stringify(groups.map((group) => group.map((path) => join(SRC, path))))}) {
      const before = new Set(Object.keys(cache));
      for (const path of group) await import(path);
      loaded.push(Object.keys(cache).filter((file) => !before.has(file)));
    }
    console.log(JSON.stringify(loaded));`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
  return (JSON.parse(stdout) as string[][]).map((files) => [...new Set(files.flatMap(packageOf))].toSorted());
}

function packageOf(file: string): string[] {
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file) ?? [];
  return name === undefined ? [] : [name];
}

it('the AWS SDK and ioredis are loaded by the S3 driver and a connection, not by other modules', async () => {
  const [without, withPackages] = await packagesLoadedBy(WITHOUT_PACKAGES, WITH_PACKAGES);
  expect(without).toEqual([]);
  expect(withPackages).toEqual(expect.arrayContaining(['@aws-sdk/client-s3', 'ioredis']));
}, 60_000);
