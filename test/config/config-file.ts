import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../src/config/environment.ts';
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A real file with this text; removed by `await using`. */
export async function configFile(text: string) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'config.yml');
  await writeFile(path, text);
  return { path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

/** The shortest valid file. */
export const MINIMAL = 'version: 0.1\nstorage: inmemory\n';

export async function load(text: string, env: Environment = {}): Promise<LoadedConfig> {
  await using file = await configFile(text);
  return await loadConfig({ file: file.path, env });
}

/** The problems of an invalid file, with `config.yml` for its path. */
export async function problemsOf(text: string, env: Environment = {}): Promise<string[]> {
  await using file = await configFile(text);
  try {
    await loadConfig({ file: file.path, env });
  } catch (err) {
    if (err instanceof ConfigError) return err.problems.map((problem) => problem.replaceAll(file.path, 'config.yml'));
    throw err;
  }
  return [];
}

/** The warnings about a valid file, with `config.yml` for its path. */
export async function warningsOf(text: string, env: Environment = {}): Promise<string[]> {
  await using file = await configFile(text);
  const { warnings } = await loadConfig({ file: file.path, env });
  return warnings.map((warning) => warning.replaceAll(file.path, 'config.yml'));
}

/** The storage section with only a driver. */
export const STORAGE_DEFAULTS = {
  readOnly: false,
  redirect: false,
  tier: undefined,
  middleware: [],
  quota: undefined,
  pins: [],
  scrub: { enabled: false, intervalMs: 604_800_000, rate: 50_000_000 },
  uploadPurging: { ageMs: 604_800_000, intervalMs: 86_400_000, dryRun: false },
  garbageCollection: { intervalMs: 0, graceMs: 3_600_000, deleteUntagged: false, keepReferrers: true },
  indexLocation: 'redis',
  indexDirectory: undefined,
};

/** Pushes and deletes without configuration. */
export const PUSH_DEFAULTS = {
  deletes: false,
  validation: { allow: [], deny: [], platforms: 'all' },
  classes: [],
};
