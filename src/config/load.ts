import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.ts';
import { findEmptySecrets } from './empty-secrets.ts';
import { applyEnvironment, type Environment } from './environment.ts';
import { findFile } from './find-file.ts';
import { findNotices } from './notices.ts';
import { describeIssue } from './issue.ts';
import { ConfigError, type Finding, formatOrigin, formatProblems, type Problem } from './problem.ts';
import { findProxyOddities } from './proxy-warnings.ts';
import { resolveConfig } from './resolve.ts';
import { findTracingOddities } from './resolve-tracing.ts';
import { findConflicts, findOddities } from './rules.ts';
import { configSchema } from './schema/schema.ts';
import { shapeOf } from './shape.ts';
import { findIgnored, findRefused } from './support.ts';
import { emptyMap, expandDriverNames, isNullNode, type MapNode, originOf, toPlain } from './tree.ts';
import { parseYamlFile } from './yaml.ts';

// One level below the root of the package, whether run from src/ or from dist/.
const DEFAULT_FILE = fileURLToPath(new URL('../../config/default.yml', import.meta.url));

export interface LoadConfigOptions {
  /** Path of the file; beats `REGISTRY_CONFIGURATION_PATH` and the places of the container image. */
  readonly file?: string | undefined;
  /** Its `REGISTRY_*` variables override the file, or the built-in default; its `OTEL_*` variables are read as well. */
  readonly env: Environment;
  /** Path of the file that is used when none is named. @default the one that comes with this package */
  readonly defaults?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** What was understood and will not have the effect it may be hoped to have; one line each. */
  readonly warnings: readonly string[];
  /** What was done that may surprise; one line each. */
  readonly notices: readonly string[];
  /** Path of the file; `built-in default` without one. */
  readonly source: string;
}

/** @throws {ConfigError} with every problem there is, when the configuration cannot be used */
export async function loadConfig({ file, env, defaults = DEFAULT_FILE }: LoadConfigOptions): Promise<LoadedConfig> {
  const { path: named, ...found } = await findFile(file, env);
  const { root, problems, isBroken } = parseYamlFile(await readText(named ?? defaults), named ?? 'default.yml');
  const draft = new Draft(root.kind === 'map' ? root : emptyMap(root.origin));
  draft.problems.push(...problems);
  const isMapping = root.kind === 'map' || isNullNode(root);
  if (!isMapping && !isBroken) draft.find({ path: [], part: 'value', message: 'must be a mapping of keys to values' });
  // What is missing from the remains of a broken file would only confuse.
  if (isBroken || !isMapping) draft.throwProblems();
  draft.makeWayFor(env, named === undefined);
  const config = await draft.check(env);
  const upstreams = config.proxy?.upstreams.map(({ name }) => name) ?? [];
  const warnings = [
    ...found.warnings,
    ...formatProblems(draft.warnings),
    ...findTracingOddities(config.tracing, { env, upstreams }),
    ...findProxyOddities(config.proxy, env),
  ];
  const notices = [...found.notices, ...formatProblems(draft.notices)];
  return { config, warnings, notices, source: named ?? 'built-in default' };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    const code = err instanceof Error && 'code' in err ? String(err.code) : 'unknown error';
    throw new ConfigError([`${path}: cannot be read (${code})`]);
  }
}

/** A configuration on its way from text to {@link Config}, with what was found about it. */
class Draft {
  readonly root: MapNode;
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly notices: Problem[] = [];

  constructor(root: MapNode) {
    this.root = root;
    expandDriverNames(root);
  }

  /**
   * `REGISTRY_PROXY_REMOTEURL` alone makes a mirror of that registry, as it does over distribution's file.
   *
   * @param isDefault nobody wrote the upstreams that it replaces
   */
  makeWayFor(env: Environment, isDefault: boolean): void {
    const proxy = this.root.entries.get('proxy')?.value;
    if (!env['REGISTRY_PROXY_REMOTEURL'] || proxy?.kind !== 'map' || !proxy.entries.has('upstreams')) return;
    const message = 'replaced by REGISTRY_PROXY_REMOTEURL';
    if (!isDefault) this.find({ path: ['proxy', 'upstreams'], part: 'key', message }, this.warnings);
    proxy.entries.delete('upstreams');
  }

  async check(env: Environment): Promise<Config> {
    const shape = shapeOf(configSchema);
    const applied = applyEnvironment(this.root, env, shape);
    this.problems.push(...applied.problems);
    this.warnings.push(...applied.warnings);
    this.notices.push(...applied.notices);
    for (const found of findEmptySecrets(this.root, shape)) this.find(found);

    const plain = toPlain(this.root);
    const parsed = await configSchema.safeParseAsync(plain, { reportInput: true });
    for (const issue of parsed.error?.issues ?? []) describeIssue(issue, shape).forEach((found) => this.find(found));
    for (const found of [...findConflicts(plain), ...findRefused(plain)]) this.find(found);
    for (const found of [...findIgnored(plain), ...findOddities(plain)]) this.find(found, this.warnings);
    for (const found of findNotices(plain)) this.find(found, this.notices);
    if (this.problems.length > 0 || !parsed.success) this.throwProblems();
    return resolveConfig(parsed.data, env);
  }

  find({ path, part, message, other }: Finding, list = this.problems): void {
    const clash = other === undefined ? '' : ` (see ${formatOrigin(originOf(this.root, other))})`;
    list.push({ origin: originOf(this.root, path, part), path, message: message + clash });
  }

  throwProblems(): never {
    throw new ConfigError(formatProblems(this.problems));
  }
}
