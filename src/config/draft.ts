import { findBareDurations } from './bare-durations.ts';
import type { Config } from './config.ts';
import { findEmptySecrets } from './empty-secrets.ts';
import { applyEnvironment, type Environment } from './environment.ts';
import { describeIssue } from './issue.ts';
import { type CheckContent, findMissingFiles } from './missing-files.ts';
import { findNotices } from './notices.ts';
import { ConfigError, type Finding, formatOrigin, formatProblems, type Problem } from './problem.ts';
import { resolveConfig } from './resolve.ts';
import { findConflicts, findOddities } from './rules.ts';
import { configSchema } from './schema/schema.ts';
import { shapeOf } from './shape.ts';
import { findIgnored, findRefused } from './support.ts';
import { expandDriverNames, type MapNode, originOf, toPlain } from './tree.ts';

export interface CheckOptions {
  /** Its `REGISTRY_*` variables override the file, or the built-in default; its `OTEL_*` variables are read as well. */
  readonly env: Environment;
  /** Report files that the configuration names and that cannot be read. @default false */
  readonly areFilesChecked?: boolean;
  /** Also checks their content. @default only their existence is checked */
  readonly checkContent?: CheckContent | undefined;
}

/** A configuration between text and {@link Config}, with the findings about it. */
export class Draft {
  readonly root: MapNode;
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly notices: Problem[] = [];

  constructor(root: MapNode) {
    this.root = root;
    expandDriverNames(root);
  }

  /**
   * `REGISTRY_PROXY_REMOTEURL` alone makes a mirror of that registry, as with distribution's default file.
   *
   * @param isDefault the replaced upstreams are those of the default file
   */
  dropReplacedUpstreams(env: Environment, isDefault: boolean): void {
    const proxy = this.root.entries.get('proxy')?.value;
    if (!env['REGISTRY_PROXY_REMOTEURL'] || proxy?.kind !== 'map' || !proxy.entries.has('upstreams')) return;
    const message = 'replaced by REGISTRY_PROXY_REMOTEURL';
    if (!isDefault) this.find({ path: ['proxy', 'upstreams'], part: 'key', message }, this.warnings);
    proxy.entries.delete('upstreams');
  }

  /** @throws {ConfigError} with every problem */
  async check({ env, areFilesChecked = false, checkContent }: CheckOptions): Promise<Config> {
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
    const warned = [...findIgnored(plain), ...findOddities(plain), ...findBareDurations(plain, shape)];
    for (const found of warned) this.find(found, this.warnings);
    for (const found of findNotices(plain)) this.find(found, this.notices);
    if (areFilesChecked) for (const found of await findMissingFiles(plain, shape, checkContent)) this.find(found);
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
