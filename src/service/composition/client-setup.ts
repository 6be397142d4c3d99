import type { DescribeSetup } from '../../admin/setup-routes.ts';
import type { Config } from '../../config/config.ts';

/** How clients are set up for this cache. The code for it is loaded by the first request. */
export function createClientSetup({ http, proxy }: Pick<Config, 'http' | 'proxy'>): DescribeSetup {
  return async (query, hostname) => {
    const { describeSetup } = await import('../../setup/shown-setup.ts');
    const { isRegistryName } = await import('../../setup/address.ts');
    const served = proxy?.upstreams.map(({ name }) => name).filter(isRegistryName);
    return describeSetup(query, { address: http.host ?? addressBy(hostname, http), served });
  };
}

/** The registry on the host that the client of a request has named. */
function addressBy(hostname: string, { listen, tls }: Config['http']): string {
  const port = listen.net === 'tcp' && listen.port !== 0 ? `:${listen.port}` : '';
  return `${tls ? 'https' : 'http'}://${hostname}${port}`;
}
