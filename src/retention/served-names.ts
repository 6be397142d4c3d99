import type { ProxyConfig } from '../config/config.ts';
import { matchGlobs } from '../matching/glob.ts';

/** Tests whether a stored name is hosted, or below the prefix of an upstream. */
export function servedNames({ hosted, upstreams }: Pick<ProxyConfig, 'hosted' | 'upstreams'>) {
  const isHosted = matchGlobs(hosted);
  const prefixes = upstreams.map(({ storePrefix }) => (storePrefix === '' ? '' : `${storePrefix}/`));
  return (repository: string): boolean =>
    isHosted(repository) || prefixes.some((prefix) => repository.startsWith(prefix));
}
