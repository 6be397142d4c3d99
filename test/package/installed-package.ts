import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { temporaryDirectory } from '../support/temporary-directory.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const NPM_FLAGS = ['--no-audit', '--no-fund', '--loglevel=error'];

/** Packages that examples import beside Layover, and their types. */
const OTHER_PACKAGES = ['express', '@types/express', '@types/node'];

export interface InstalledPackage extends AsyncDisposable {
  /** A project with Layover's tarball installed, and the examples in it. */
  readonly directory: string;
  /** Path of the `node` of a version, such as `22`. */
  node(version: string): Promise<string>;
}

/** Packs the built package, and installs it into an empty project. */
export async function installPackage(): Promise<InstalledPackage> {
  const directory = await temporaryDirectory();
  const project = directory.path;
  await run('npm', ['pack', '--silent', '--pack-destination', project], { cwd: ROOT });
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  await run('npm', ['install', ...NPM_FLAGS, `./layover-${version}.tgz`, ...OTHER_PACKAGES], { cwd: project });
  await cp(join(ROOT, 'examples'), project, { recursive: true });
  return {
    directory: project,
    node: (wanted) => nodeOf(wanted, project),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** The packages `node-<platform>-<architecture>` have the program of each version of Node.js. */
async function nodeOf(version: string, project: string): Promise<string> {
  if (version === process.version) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(project, 'nodes', version);
  await run('npm', ['install', ...NPM_FLAGS, '--no-save', '--prefix', prefix, `${name}@${version}`], { cwd: project });
  return join(prefix, 'node_modules', name, 'bin/node');
}
