import { parseHttpUrl } from './units.ts';

export const DOCKER_HUB = 'docker.io';

/** Other names of Docker Hub: what clients send as `ns`, write in image names, or connect to. */
const DOCKER_HUB_ALIASES: readonly string[] = ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** `docker.io` for any address of Docker Hub, the host otherwise; undefined when it is no URL. */
export function upstreamNameOf(remoteUrl: string): string | undefined {
  const host = parseHttpUrl(remoteUrl)?.host;
  return host !== undefined && DOCKER_HUB_ALIASES.includes(host) ? DOCKER_HUB : host;
}

/** The aliases that were configured, and those that go without saying; each once, and none the name itself. */
export function aliasesOf(name: string, configured: readonly string[]): string[] {
  const implied = name === DOCKER_HUB ? DOCKER_HUB_ALIASES : [];
  return [...new Set([...configured, ...implied])].filter((alias) => alias !== name);
}
