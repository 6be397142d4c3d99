// Generates the reference pages of the libraries from their docstrings. Warnings are errors.
//   npm run docs:api [-- --out DIRECTORY]      default: docs/api (not committed)
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const here = import.meta.dirname;
const root = join(here, '../..');
const typedoc = join(here, 'node_modules/typedoc/bin/typedoc');

const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'docs/api') } } });
if (!existsSync(typedoc)) run('npm', ['ci', '--no-audit', '--no-fund', '--prefix', here]);
run(process.execPath, [
  typedoc,
  ...entryPoints().flatMap((file) => ['--entryPoints', file]),
  ...['--tsconfig', join(root, 'tsconfig.build.json'), '--out', values.out, '--name', 'Layover'],
  ...['--readme', join(root, 'docs/libraries.md'), '--disableSources', '--treatWarningsAsErrors'],
  '--excludePrivate',
]);

/** The sources of the subpaths that package.json exports. */
function entryPoints(): string[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Readonly<Record<string, { readonly default: string } | string>>;
  };
  const built = Object.values(exports).flatMap((target) => (typeof target === 'string' ? [] : [target.default]));
  return built.map((path) => join(root, path.replace('dist/', 'src/').replace(/\.js$/, '.ts')));
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit', cwd: root });
  if (status !== 0) process.exit(status ?? 1);
}
