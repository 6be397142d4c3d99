// Makes dist/ of src/, unless it is current: what libraries import, file by file, the program in few files, and the dashboard.
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { bundleProgram } from './bundle.ts';
import { buildDashboard } from './dashboard.ts';
import { type BuildPart, hashInputs, PARTS } from './inputs.ts';

const root = join(import.meta.dirname, '../..');
const dist = join(root, 'dist');
/** In `dist/`; has the sums of inputs. */
const STAMPS = '.built';
const DASHBOARD = 'ui';

await mkdir(join(dist, STAMPS), { recursive: true });
await buildUnlessCurrent('program', PARTS.program, buildProgram);
await buildUnlessCurrent('dashboard', PARTS.dashboard, () => buildDashboard(root, join(dist, DASHBOARD)));

async function buildUnlessCurrent(name: string, part: BuildPart, build: () => Promise<void>): Promise<void> {
  const stamp = join(dist, STAMPS, name);
  const inputs = await hashInputs(root, part);
  if ((await readFile(stamp, 'utf8').catch(() => '')) === inputs) return;
  await build();
  await writeFile(stamp, inputs);
}

async function buildProgram(): Promise<void> {
  const others = (await readdir(dist)).filter((name) => name !== DASHBOARD && name !== STAMPS);
  for (const name of others) await rm(join(dist, name), { recursive: true, force: true });
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status } = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  await bundleProgram(root, dist);
  await chmod(join(dist, 'main.js'), 0o755);
}
