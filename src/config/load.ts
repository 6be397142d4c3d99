import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.ts';
import { type CheckOptions, Draft } from './draft.ts';
import { type ConfiguredKey, configuredKeys } from './configured-keys.ts';
import type { Environment } from './environment.ts';
import { findFile } from './find-file.ts';
import { ConfigError, formatProblems } from './problem.ts';
import { findProxyOddities } from './proxy-warnings.ts';
import { findTracingOddities } from './resolve-tracing.ts';
import { emptyMap, isNullNode } from './tree.ts';
import { parseYamlFile } from './yaml.ts';

// One level below the root of the package, whether run from src/ or from dist/.
const DEFAULT_FILE = fileURLToPath(new URL('../../config/default.yml', import.meta.url));

export interface LoadConfigOptions extends CheckOptions {
  /** Path of the file; beats `REGISTRY_CONFIGURATION_PATH` and the places of the container image. */
  readonly file?: string | undefined;
  /** Path of the file that is used when none is named. @default the one of this package */
  readonly defaults?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Valid settings that do not have the effect they seem to have; one line each. */
  readonly warnings: readonly string[];
  /** Effects that the operator may not expect; one line each. */
  readonly notices: readonly string[];
  /** Path of the file; `built-in default` without one. */
  readonly source: string;
  /** Keys that do not have their default. */
  readonly keys: readonly ConfiguredKey[];
}

/** @throws {ConfigError} with every problem, when the configuration cannot be used */
export async function loadConfig(options: LoadConfigOptions): Promise<LoadedConfig> {
  const { file, env, defaults = DEFAULT_FILE } = options;
  const { path: named, ...found } = await findFile(file, env);
  const draft = parseDraft(await readText(named ?? defaults), named ?? 'default.yml');
  draft.dropReplacedUpstreams(env, named === undefined);
  const config = await draft.check(options);
  const warnings = [...found.warnings, ...formatProblems(draft.warnings), ...findEnvironmentOddities(config, env)];
  const notices = [...found.notices, ...formatProblems(draft.notices)];
  return { config, warnings, notices, source: named ?? 'built-in default', keys: configuredKeys(draft.root) };
}

/** @throws {ConfigError} when the text is not a YAML mapping */
function parseDraft(text: string, name: string): Draft {
  const { root, problems, isBroken } = parseYamlFile(text, name);
  const draft = new Draft(root.kind === 'map' ? root : emptyMap(root.origin));
  draft.problems.push(...problems);
  const isMapping = root.kind === 'map' || isNullNode(root);
  if (!isMapping && !isBroken) draft.find({ path: [], part: 'value', message: 'must be a mapping of keys to values' });
  // Missing keys of a broken file would only confuse.
  if (isBroken || !isMapping) draft.throwProblems();
  return draft;
}

/** Variables without the prefix `REGISTRY_` that do not have the effect they seem to have. */
function findEnvironmentOddities({ proxy, tracing }: Config, env: Environment): string[] {
  const upstreams = proxy?.upstreams.map(({ name }) => name) ?? [];
  return [...findTracingOddities(tracing, { env, upstreams }), ...findProxyOddities(proxy, env)];
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    const code = err instanceof Error && 'code' in err ? String(err.code) : 'unknown error';
    throw new ConfigError([`${path}: cannot be read (${code})`]);
  }
}
