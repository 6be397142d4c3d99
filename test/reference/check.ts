import type { SettingName } from './settings.ts';
import type { Registry } from './registry.ts';

/** What one request, or a few in a row, must give. Whoever runs it gets a repository of its own. */
export interface Check {
  readonly name: string;
  /** Default: `plain`. */
  readonly setting?: SettingName;
  /** One line for each response, as {@link Registry.seen} writes it. */
  readonly expected: readonly string[];
  observe(registry: Registry): Promise<readonly string[]>;
}

export interface Topic {
  readonly name: string;
  /** Test functions of distribution's `registry/handlers` that are about the same. */
  readonly covers: readonly string[];
  readonly checks: readonly Check[];
}
