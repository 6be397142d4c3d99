import type { UpstreamConfig } from '../config/config.ts';
import { type Check, type DoctorContext, skipped } from './check.ts';

/** Checks of each upstream. Those behind a proxy are not checked: the checks connect directly. */
export function checksOfUpstreams(
  { loaded, env }: DoctorContext,
  create: (upstream: UpstreamConfig) => readonly Check[],
): readonly Check[] {
  const { proxy } = loaded?.config ?? {};
  if (!proxy || proxy.offline) return [];
  return proxy.upstreams.flatMap((upstream) => {
    const scheme = upstream.remoteUrl.startsWith('https:') ? 'https' : 'http';
    const forward = upstream.httpProxy ?? env[`${scheme}_proxy`] ?? env[`${scheme.toUpperCase()}_PROXY`];
    if (!forward) return create(upstream);
    const run = async () =>
      skipped('it is reached through a proxy, which these checks do not use; see the log of the server');
    return [{ name: upstream.name, run }];
  });
}
