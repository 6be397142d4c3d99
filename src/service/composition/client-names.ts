import type { UpstreamConfig } from '../../config/config.ts';

export type NamedUpstream = Pick<UpstreamConfig, 'name' | 'aliases' | 'remoteUrl'>;

/**
 * The registry in the name of an image, as clients and `layover lock` know it: the alias in the path of the request; else the host of the
 * upstream, if that is one of its names.
 *
 * @param requestedAs name of the repository in a request; absent when it is the stored one
 */
export function registryName({ name, aliases, remoteUrl }: NamedUpstream, requestedAs: string | undefined): string {
  const inPath = aliases.find((alias) => requestedAs?.toLowerCase().startsWith(`${alias.toLowerCase()}/`));
  if (inPath !== undefined) return inPath;
  const { host } = new URL(remoteUrl);
  return [name, ...aliases].find((one) => one.toLowerCase() === host) ?? name;
}

/** The upstream with this name or alias. */
export function findUpstream<T extends NamedUpstream>(upstreams: readonly T[], name: string): T | undefined {
  const wanted = name.toLowerCase();
  return upstreams.find((one) => [one.name, ...one.aliases].some((known) => known.toLowerCase() === wanted));
}
