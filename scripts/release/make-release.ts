import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { makePackages, writeStatements } from './artifacts.ts';
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
  /** Without container images and Debian packages. */
  readonly npmOnly: boolean;
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
  /** Everything to publish, below `root`. */
  readonly artifacts: readonly string[];
}

const OUTPUT = 'releases';
/** Files with the version, and the lines that have it. */
const VERSION_LINES: Readonly<Record<string, RegExp>> = {
  'src/version.ts': /^(export const VERSION = ')[^']*(';)$/gm,
  Dockerfile: /^(ARG VERSION=)\S*()$/gm,
  'charts/layover/Chart.yaml': /^((?:version|appVersion): )\S*()$/gm,
};
/** What the commit of a release changes. */
const CHANGED = ['CHANGELOG.md', 'changes', 'package.json', 'package-lock.json', ...Object.keys(VERSION_LINES)];

/**
 * Writes version and changelog, commits, builds and packs, then tags. After a failure everything is as before.
 *
 * @throws {Error} when there is nothing to release, the tag exists or a command fails
 */
export async function makeRelease(options: ReleaseOptions): Promise<MadeRelease> {
  const { root, wanted, date, env } = options;
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
    await commands.git('add', '--all', ...CHANGED);
    return await commitAndPack({ ...options, version, tag, notes, commands });
  } catch (err) {
    await commands.git('restore', '--staged', '--worktree', ...CHANGED);
    throw err;
  }
}

interface PackOptions extends ReleaseOptions {
  readonly version: string;
  readonly tag: string;
  readonly notes: string;
  readonly commands: Commands;
}

/** The commit is first, because packages name it and have its time. */
async function commitAndPack(options: PackOptions): Promise<MadeRelease> {
  const { version, tag, notes, commands } = options;
  await commands.git('commit', '--quiet', '--message', `Release ${tag}`);
  try {
    const output = await writeOutput(options);
    // Headings of the notes are no comments of git's.
    await commands.git('tag', '--annotate', tag, '--cleanup=verbatim', '--message', `${tag}\n\n${notes}`);
    return { version, tag, notes, ...output };
  } catch (err) {
    await commands.git('reset', '--quiet', '--soft', 'HEAD~1');
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

async function writeOutput({ root, version, notes, env, npmOnly, commands }: PackOptions) {
  const out = join(root, OUTPUT);
  await mkdir(out, { recursive: true });
  await commands.npm('run', '--silent', 'build');
  const packed = await commands.npm('pack', '--json', '--pack-destination', OUTPUT);
  const [{ filename, size, entryCount }] = JSON.parse(packed) as [
    { filename: string; size: number; entryCount: number },
  ];
  const names = [filename, ...(npmOnly ? [] : await makePackages(root, out, env))];
  const commit = await commands.git('rev-parse', 'HEAD');
  const artifacts = await writeStatements(names, { out, version, commit });
  const notesFile = join(OUTPUT, `v${version}.md`);
  const sums = artifacts.map(({ name, sha256 }) => `\`sha256:${sha256}\` ${name}\n`).join('');
  await writeFile(join(root, notesFile), `# Layover ${version}\n\n${notes}\n\n${sums}`);
  const statements = ['sha256', 'provenance.json'].map((suffix) => `layover-${version}.${suffix}`);
  const published = [...artifacts.map(({ name }) => name), ...statements].map((name) => join(OUTPUT, name));
  return { tarball: join(OUTPUT, filename), notesFile, bytes: size, files: entryCount, artifacts: published };
}
