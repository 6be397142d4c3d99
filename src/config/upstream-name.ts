import { parseHttpUrl } from './units.ts';

export const DOCKER_HUB = 'docker.io';

/** Other names of Docker Hub in `ns`, in image names, and as hosts. */
const DOCKER_HUB_ALIASES: readonly string[] = ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** `docker.io` for any address of Docker Hub, the host otherwise; undefined when it is not a URL. */
export function upstreamNameOf(remoteUrl: string): string | undefined {
  const host = parseHttpUrl(remoteUrl)?.host;
  return host !== undefined && DOCKER_HUB_ALIASES.includes(host) ? DOCKER_HUB : host;
}

/** The configured aliases and the known ones; each once, without the name itself. */
export function aliasesOf(name: string, configured: readonly string[]): string[] {
  const implied = name === DOCKER_HUB ? DOCKER_HUB_ALIASES : [];
  return [...new Set([...configured, ...implied])].filter((alias) => alias !== name);
}
