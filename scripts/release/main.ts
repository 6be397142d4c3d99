// Makes a release: version, changelog, commit, tag, tarball and notes. It pushes and publishes nothing.
//   npm run release                          the version follows from the files in changes/
//   npm run release -- minor                 or: major, patch, 1.2.3
//   npm run release -- --dry-run [minor]     the same in a temporary clone; nothing here changes
//   npm run release -- --npm-only            without container images and Debian packages, which take minutes
import { argv, cwd, env, exitCode, stderr, stdout } from 'node:process';
import { parseArgs } from 'node:util';

import { commandsIn } from './commands.ts';
import { dryRun } from './dry-run.ts';
import { makeRelease, type MadeRelease } from './make-release.ts';

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean', default: false }, 'npm-only': { type: 'boolean', default: false } },
  });
  if (positionals.length > 1)
    throw new Error('usage: npm run release -- [--dry-run] [--npm-only] [major|minor|patch|<version>]');
  const root = cwd();
  const { git } = commandsIn(root, env);
  const changed = await git('status', '--porcelain');
  const date = new Date().toISOString().slice(0, 10);
  const options = { root, wanted: positionals[0], date, env, npmOnly: values['npm-only'] };
  if (values['dry-run']) {
    if (changed !== '') stdout.write(`uncommitted changes are not part of this:\n${changed}\n\n`);
    await dryRun(options, report);
    stdout.write('\ndry run: nothing was changed\n');
    return;
  }
  if (changed !== '') throw new Error(`uncommitted changes (commit or stash them):\n${changed}`);
  const made = await makeRelease(options);
  await report(made, root);
  stdout.write(
    `\nnext: git push origin HEAD ${made.tag}, then publish these with ${made.notesFile}:\n${made.artifacts.join('\n')}\n`,
  );
}

async function report({ version, tag, notes, tarball, bytes, files, notesFile }: MadeRelease, root: string) {
  const subject = await commandsIn(root, env).git('log', '-1', '--format=%s', tag);
  stdout.write(`version  ${version}\ncommit   ${subject}\ntag      ${tag}\n`);
  stdout.write(`tarball  ${tarball} (${files} files, ${bytes} bytes)\nnotes    ${notesFile}\n\n${notes}\n`);
}

try {
  await run(argv.slice(2));
} catch (err) {
  stderr.write(`release: ${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = exitCode ?? 1;
}
