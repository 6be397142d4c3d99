import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** The built entry point of the service under test. */
export const LAYOVER_MAIN = join(ROOT, 'dist/main.js');

/** Where `test/setup/prepare.mjs` unpacks what it could not install. */
const CACHE = join(ROOT, 'node_modules/.cache/layover-tests');
const UNPACKED = join(CACHE, 'root');
const FOLDERS = [join(CACHE, 'bin'), ...['usr/bin', 'usr/sbin', 'bin', 'sbin'].map((folder) => join(UNPACKED, folder))];

/** Path of a program on `PATH` or among the unpacked ones; undefined when this machine has none. */
export async function findProgram(name: string, more: readonly string[] = []): Promise<string | undefined> {
  // Debian keeps daemons in sbin, which is not everybody's PATH.
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...more, '/usr/sbin', '/sbin', ...FOLDERS];
  for (const path of folders.filter(Boolean).map((folder) => join(folder, name))) {
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/** The names that {@link findProgram} does not find. */
export async function missingPrograms(names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(names.map((name) => findProgram(name)));
  return names.filter((_, index) => found[index] === undefined);
}

/** Why `test/setup/prepare.mjs` could not build a program; undefined when it did not try. */
export function whyNotBuilt(name: string): Promise<string | undefined> {
  return readFile(join(CACHE, `${name}.failed`), 'utf8').catch(() => undefined);
}

// What would change the behaviour of a registry or lead loopback traffic elsewhere.
const NOT_INHERITED = /^(REGISTRY_.*|OTEL_.*|(https?|no|all)_proxy)$/i;

/** Our environment without what would leak into a test, and with the libraries of the unpacked programs. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
  const { LD_LIBRARY_PATH: own, ...env } = Object.fromEntries(inherited);
  const libraries = ['usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'usr/lib'].map((it) =>
    join(UNPACKED, it),
  );
  return { ...env, LD_LIBRARY_PATH: [...(own ? [own] : []), ...libraries].join(delimiter) };
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
