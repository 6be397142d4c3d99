import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Architecture, NPM_CPU } from './architecture.ts';
import { runCommand } from './run-command.ts';
import { copied, entriesBelow, type Entry, moved } from './tree.ts';

/** What npm has installed: an entry of its hidden lock file. */
export interface InstalledPackage {
  readonly path: string;
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
  /** Absent unless the package is installed under another name. */
  readonly name?: string;
}

export interface Application {
  /** The program with its packages, without Node.js. */
  readonly program: readonly Entry[];
  readonly packages: readonly Entry[];
  /** Node.js, as `node`. */
  readonly node: Entry;
  readonly installed: readonly InstalledPackage[];
}

const MANIFESTS = ['package.json', 'package-lock.json'];
/** For people, compilers and other runtimes than Node.js. */
const NOT_RUN = /\.(?:[cm]?ts|map|md|markdown|bare)$|(?:^|\/)\.package-lock\.json$|(?:^|\/)\.built-|(?:^|\/)\.bin\//;
const IS_LICENSE = /(?:licen[cs]e|notice|copying)[^/]*$/i;

/**
 * Layover as it runs on an architecture: what `npm run build` has made, its packages and Node.js. npm verifies all packages by the two lock
 * files.
 *
 * @param root of the repository
 */
export async function stageApplication(root: string, architecture: Architecture): Promise<Application> {
  const into = stageOf(root, architecture);
  const app = join(into, 'app');
  const node = join(into, 'node');
  await installPackages(root, app, architecture);
  await installPackages(join(root, 'packaging/node'), node, architecture);
  const packages = (await below(join(app, 'node_modules'), 'node_modules')).filter(isRun);
  const built = await below(join(root, 'dist'), 'dist');
  const config = await below(join(root, 'config'), 'config');
  const single = ['package.json', 'LICENSE'].map((name) => copied(name, join(root, name)));
  const nodePackage = `node_modules/node-linux-${NPM_CPU[architecture]}`;
  return {
    program: [...built.filter(isRun), ...config, ...single],
    packages,
    node: copied('node', join(node, nodePackage, 'bin/node'), 0o755),
    installed: [...(await installedIn(app)), ...(await installedIn(node))],
  };
}

/** Where packages are prepared. */
export function stageOf(root: string, architecture: Architecture): string {
  return join(root, 'build/stage', architecture);
}

/** Does nothing when the same packages were installed before. */
async function installPackages(from: string, into: string, architecture: Architecture): Promise<void> {
  const manifests = await Promise.all(MANIFESTS.map((name) => readFile(join(from, name), 'utf8')));
  const wanted = createHash('sha256').update(manifests.join('\0')).digest('hex');
  const stamp = join(into, 'installed');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return;
  await rm(into, { recursive: true, force: true });
  await mkdir(into, { recursive: true });
  for (const [i, name] of MANIFESTS.entries()) await writeFile(join(into, name), manifests[i] ?? '');
  const platform = ['--os=linux', `--cpu=${NPM_CPU[architecture]}`, '--libc=glibc'];
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  await runCommand('npm', ['ci', '--omit=dev', '--ignore-scripts', ...platform, ...quiet], { cwd: into });
  await writeFile(stamp, wanted);
}

async function below(directory: string, at: string): Promise<Entry[]> {
  return moved(await entriesBelow(directory), (path) => join(at, path));
}

function isRun({ path }: Entry): boolean {
  return !NOT_RUN.test(path) || IS_LICENSE.test(path);
}

async function installedIn(directory: string): Promise<InstalledPackage[]> {
  const lock = JSON.parse(await readFile(join(directory, 'node_modules/.package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Omit<InstalledPackage, 'path'>>>;
  };
  return Object.entries(lock.packages).map(([path, entry]) => ({ path, ...entry }));
}
