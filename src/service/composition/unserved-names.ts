import type { ProxyConfig } from '../../config/config.ts';
import { walkRepositories } from '../../content/inventory.ts';
import { REPOSITORIES } from '../../content/paths.ts';
import type { SchedulerState } from '../../retention/scheduler-state.ts';
import { servedNames } from '../../retention/served-names.ts';
import { PathNotFoundError, type StorageDriver } from '../../storage/driver.ts';
import type { Log } from '../../telemetry/log.ts';

/** Names to read, so that a start over a large store requests little of it. */
const MAX_NAMES = 1_000;
/** Names in one log line. */
const MAX_EXAMPLES = 10;

export interface UnservedOptions {
  readonly driver: StorageDriver;
  readonly proxy: ProxyConfig | undefined;
  /** Distribution's expiry list, which has the names that it cached. */
  readonly state: SchedulerState;
  readonly log: Log;
}

/**
 * Reports stored repositories whose name leads to no hosted repository and no upstream, with the line that makes them available. Nothing serves
 * their content, and it never expires.
 */
export async function reportUnserved({ driver, proxy, state, log }: UnservedOptions): Promise<void> {
  if (!proxy || proxy.upstreams.some(({ storePrefix }) => storePrefix === '')) return;
  const names = await findUnserved(driver, proxy);
  const cachedNames = new Set(state.kind === 'read' ? state.entries.map(({ repository }) => repository) : []);
  const cached = names.filter((name) => cachedNames.has(name));
  const others = names.filter((name) => !cachedNames.has(name));
  const upstream = (proxy.upstreams.find(({ isDefault }) => isDefault) ?? proxy.upstreams[0])?.name;
  const line = `storeprefix: "" in the entry of ${upstream} in proxy.upstreams`;
  if (cached.length > 0) log.warn(fieldsOf(cached), `cached repositories are not served and never expire: set ${line}`);
  if (others.length === 0) return;
  const remedy = `add pushed ones to proxy.hosted; for those cached from ${upstream}, set ${line}`;
  log.warn(fieldsOf(others), `stored repositories are not served and never expire: ${remedy}`);
}

function fieldsOf(names: readonly string[]) {
  return { count: names.length, examples: names.slice(0, MAX_EXAMPLES).join(', ') };
}

/** Reads the first directories, and those below that are of no upstream. */
async function findUnserved(driver: StorageDriver, proxy: ProxyConfig): Promise<string[]> {
  const isServed = servedNames(proxy);
  const prefixes = new Set(proxy.upstreams.map(({ storePrefix }) => storePrefix));
  const found: string[] = [];
  let read = 0;
  for (const directory of await listNames(driver)) {
    if (directory.startsWith('_') || prefixes.has(directory)) continue;
    for await (const repository of walkRepositories(driver, () => {}, `/${directory}`)) {
      if (!isServed(repository)) found.push(repository);
      if (++read === MAX_NAMES) return found;
    }
  }
  return found;
}

async function listNames(driver: StorageDriver): Promise<readonly string[]> {
  try {
    return await driver.list(REPOSITORIES);
  } catch (err) {
    if (err instanceof PathNotFoundError) return [];
    throw err;
  }
}
