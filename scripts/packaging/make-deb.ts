import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { type Application, stageApplication, stageOf } from './application.ts';
import type { Architecture } from './architecture.ts';
import type { ImageFacts } from './image-config.ts';
import { runCommand } from './run-command.ts';
import { createSbom } from './sbom.ts';
import { complete, copied, type Entry, file, moved } from './tree.ts';

export interface MakeDebOptions extends ImageFacts {
  /** Of the repository, built. */
  readonly root: string;
  readonly architecture: Architecture;
  readonly out: string;
}

const HOME = 'usr/lib/layover';
const SCRIPTS = ['postinst', 'prerm', 'postrm'];
/** Single-threaded, because the threads that a machine has would change the result. */
const COMPRESSION = ['-Zzstd', '-z6', '--threads-max=1'];
const CONFIGURATION = 'etc/layover/config.yml';

/** Builds the Debian package, with Node.js in it; none of its programs runs. @returns its path */
export async function makeDeb({ root, architecture, out, ...facts }: MakeDebOptions): Promise<string> {
  const app = await stageApplication(root, architecture);
  const sbom = createSbom({ architecture, ...facts, debian: [], npm: app.installed });
  const tree = join(stageOf(root, architecture), 'deb');
  await rm(tree, { recursive: true, force: true });
  const content = [...contentOf(app, join(root, 'packaging')), ...documentsOf(root, sbom)];
  await writeTree(content, tree);
  await writeTree(await controlFiles(content, { root, architecture, version: facts.version }), join(tree, 'DEBIAN'));
  await mkdir(out, { recursive: true });
  const deb = join(out, `layover_${facts.version}_${architecture}.deb`);
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(facts.epoch) };
  await runCommand('dpkg-deb', ['--build', '--root-owner-group', ...COMPRESSION, tree, deb], { env });
  return deb;
}

function contentOf({ program, packages, node }: Application, packaging: string): Entry[] {
  return [
    ...moved([...program, ...packages], (path) => join(HOME, path)),
    ...moved([node], (path) => join(HOME, 'bin', path)),
    copied('usr/bin/layover', join(packaging, 'deb/layover.sh'), 0o755),
    copied(CONFIGURATION, join(packaging, 'deb/config.yml')),
    ...['layover.service', 'layover.socket'].map((name) =>
      copied(`usr/lib/systemd/system/${name}`, join(packaging, 'systemd', name)),
    ),
  ];
}

function documentsOf(root: string, sbom: string): Entry[] {
  const documents = 'usr/share/doc/layover';
  return [
    copied(`${documents}/copyright`, join(root, 'packaging/deb/copyright')),
    copied(`${documents}/install.md`, join(root, 'docs/install.md')),
    file(`${documents}/sbom.cdx.json`, sbom),
  ];
}

async function controlFiles(
  content: readonly Entry[],
  {
    root,
    architecture,
    version,
  }: { readonly root: string; readonly architecture: Architecture; readonly version: string },
): Promise<Entry[]> {
  const template = await readFile(join(root, 'packaging/deb/control'), 'utf8');
  const values: Readonly<Record<string, string>> = { VERSION: version, ARCHITECTURE: architecture };
  return [
    file(
      'control',
      template.replaceAll(/@([A-Z]+)@/g, (_, name: string) => values[name] ?? ''),
    ),
    file('conffiles', `/${CONFIGURATION}\n`),
    file('md5sums', await checksumsOf(content)),
    ...SCRIPTS.map((name) => copied(name, join(root, 'packaging/deb', name), 0o755)),
  ];
}

/** For `dpkg --verify`. */
async function checksumsOf(content: readonly Entry[]): Promise<string> {
  let lines = '';
  for (const entry of complete(content)) {
    if (entry.kind !== 'file' || entry.path === CONFIGURATION) continue;
    lines += `${createHash('md5')
      .update(await entry.load())
      .digest('hex')}  ${entry.path}\n`;
  }
  return lines;
}

async function writeTree(entries: readonly Entry[], root: string): Promise<void> {
  for (const entry of complete(entries)) {
    const path = join(root, entry.path);
    await mkdir(entry.kind === 'directory' ? path : dirname(path), { recursive: true, mode: 0o755 });
    if (entry.kind === 'link') await symlink(entry.target, path);
    if (entry.kind === 'file') await writeFile(path, await entry.load(), { mode: entry.mode });
  }
}
