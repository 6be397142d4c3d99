// Makes dist/ of src/, unless it is current: what libraries import, file by file, and the program in few files.
import { spawnSync } from 'node:child_process';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { bundleProgram } from './bundle.ts';
import { hashInputs } from './inputs.ts';

const root = join(import.meta.dirname, '../..');
const dist = join(root, 'dist');
const stamp = join(dist, '.inputs');

const inputs = await hashInputs(root);
if ((await readFile(stamp, 'utf8').catch(() => '')) !== inputs) {
  await rm(dist, { recursive: true, force: true });
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status } = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  await bundleProgram(root, dist);
  await chmod(join(dist, 'main.js'), 0o755);
  await writeFile(stamp, inputs);
}
