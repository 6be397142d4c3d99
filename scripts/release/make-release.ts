import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { categoriesOf, collectNotes, hasVersion, releaseChangelog } from './changelog.ts';
import { type Commands, commandsIn, type Environment } from './commands.ts';
import { readFragments } from './fragments.ts';
import { nextVersion } from './next-version.ts';

export interface ReleaseOptions {
  /** A git work tree without uncommitted changes. */
  readonly root: string;
  /** `major`, `minor`, `patch` or a version. */
  readonly wanted: string | undefined;
  readonly date: string;
  readonly env: Environment;
}

export interface MadeRelease {
  readonly version: string;
  readonly tag: string;
  readonly notes: string;
  /** Paths below `root`. */
  readonly tarball: string;
  readonly notesFile: string;
  /** Of the tarball. */
  readonly bytes: number;
  /** How many the tarball has. */
  readonly files: number;
}

const OUTPUT = 'releases';
/** Files with the version, and the lines that have it. */
const VERSION_LINES: Readonly<Record<string, RegExp>> = {
  'src/version.ts': /^(export const VERSION = ')[^']*(';)$/gm,
  'charts/layover/Chart.yaml': /^((?:version|appVersion): )\S*()$/gm,
};
/** What the commit of a release changes. */
const CHANGED = ['CHANGELOG.md', 'changes', 'package.json', 'package-lock.json', ...Object.keys(VERSION_LINES)];

/**
 * Writes version and changelog, builds and packs, then commits and tags. After a failure the work tree is as before.
 *
 * @throws {Error} when there is nothing to release, the tag exists or a command fails
 */
export async function makeRelease({ root, wanted, date, env }: ReleaseOptions): Promise<MadeRelease> {
  const commands = commandsIn(root, env);
  const changelogFile = join(root, 'CHANGELOG.md');
  const changelog = await readFile(changelogFile, 'utf8');
  const fragments = await readFragments(join(root, 'changes'));
  const notes = collectNotes(changelog, fragments);
  if (notes === '') throw new Error('nothing to release (add a file to changes/)');
  const { version: current } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const categories = categoriesOf(notes);
  const version = nextVersion({ current, isReleased: hasVersion(changelog, current), wanted, categories });
  const tag = `v${version}`;
  if ((await commands.git('tag', '--list', tag)) !== '') throw new Error(`tag ${tag} exists`);
  const released = releaseChangelog(changelog, notes, { version, date });
  try {
    await writeFile(changelogFile, released);
    for (const { file } of fragments) await rm(join(root, 'changes', file));
    await commands.npm('version', version, '--no-git-tag-version', '--allow-same-version');
    await writeVersions(root, version);
    const files = await writeOutput({ root, version, notes, commands });
    await commands.git('add', '--all', ...CHANGED);
    await commands.git('commit', '--quiet', '--message', `Release ${tag}`);
    // Headings of the notes are no comments of git's.
    await commands.git('tag', '--annotate', tag, '--cleanup=verbatim', '--message', `${tag}\n\n${notes}`);
    return { version, tag, notes, ...files };
  } catch (err) {
    await commands.git('restore', '--staged', '--worktree', ...CHANGED);
    throw err;
  }
}

/** @throws {Error} when a file has no such line */
async function writeVersions(root: string, version: string): Promise<void> {
  for (const [file, lines] of Object.entries(VERSION_LINES)) {
    const text = await readFile(join(root, file), 'utf8');
    if (text.search(lines) === -1) throw new Error(`${file}: no version`);
    await writeFile(join(root, file), text.replace(lines, `$1${version}$2`));
  }
}

interface OutputOptions {
  readonly root: string;
  readonly version: string;
  readonly notes: string;
  readonly commands: Commands;
}

async function writeOutput({ root, version, notes, commands }: OutputOptions) {
  await mkdir(join(root, OUTPUT), { recursive: true });
  await commands.npm('run', '--silent', 'build');
  const packed = await commands.npm('pack', '--json', '--pack-destination', OUTPUT);
  const [{ filename, size, entryCount }] = JSON.parse(packed) as [
    { filename: string; size: number; entryCount: number },
  ];
  const tarball = join(OUTPUT, filename);
  const sha256 = createHash('sha256')
    .update(await readFile(join(root, tarball)))
    .digest('hex');
  await writeFile(join(root, `${tarball}.sha256`), `${sha256}  ${filename}\n`);
  const notesFile = join(OUTPUT, `v${version}.md`);
  await writeFile(join(root, notesFile), `# Layover ${version}\n\n${notes}\n\n\`sha256:${sha256}\` ${filename}\n`);
  return { tarball, notesFile, bytes: size, files: entryCount };
}
