import { cp, mkdir, readFile, rm } from 'node:fs/promises';
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

const MANIFESTS = ['package.json', 'package-lock.json', '.npmrc'];
/** For people and compilers, not for Node.js. */
const NOT_RUN = /\.(?:[cm]?ts|map|md|markdown)$|(?:^|\/)\.package-lock\.json$|(?:^|\/)\.bin\//;
const IS_LICENSE = /(?:licen[cs]e|notice|copying)[^/]*$/i;

/**
 * Layover as it runs on an architecture: what `npm run build` has made, its packages and Node.js. npm verifies all packages by the two lock
 * files.
 *
 * @param root of the repository
 * @param into a directory of this function's own
 */
export async function stageApplication(
  root: string,
  { architecture, into }: { readonly architecture: Architecture; readonly into: string },
): Promise<Application> {
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

async function installPackages(from: string, into: string, architecture: Architecture): Promise<void> {
  await rm(into, { recursive: true, force: true });
  await mkdir(into, { recursive: true });
  for (const name of MANIFESTS) await cp(join(from, name), join(into, name), { force: true }).catch(ignoreMissing);
  const platform = ['--os=linux', `--cpu=${NPM_CPU[architecture]}`, '--libc=glibc'];
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  await runCommand('npm', ['ci', '--omit=dev', '--ignore-scripts', ...platform, ...quiet], { cwd: into });
}

function ignoreMissing(err: unknown): void {
  if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
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
