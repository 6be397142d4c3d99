import type { ProxyConfig } from './config.ts';
import type { Environment } from './environment.ts';

/** Forwarded pushes use separate connections, which do not support proxies. */
export function findProxyOddities(proxy: ProxyConfig | undefined, env: Environment): string[] {
  const set = ['http', 'https'].filter((scheme) => env[`${scheme}_proxy`] || env[`${scheme.toUpperCase()}_PROXY`]);
  return (proxy?.upstreams ?? [])
    .filter(({ passthrough, remoteUrl }) => passthrough && set.some((scheme) => remoteUrl.startsWith(`${scheme}:`)))
    .map(({ name }) => `proxy.upstreams: pushes to ${name} are sent directly: HTTP_PROXY and HTTPS_PROXY do not apply`);
}
