import type { PageRequest } from '../oci/pagination.ts';
import { CallScope } from './call-scope.ts';
import { listRepositories, type RepositoryPage } from './catalog-requests.ts';
import { connectEndpoints, type EndpointsOptions } from './endpoints.ts';
import { PushClient } from './push-client.ts';
import { RegistryUpstream } from './registry-upstream.ts';
import type { Upstream } from './upstream.ts';

/** A registry that is read and written: one set of connections, credentials and tokens for both. */
export interface RegistryClient {
  readonly reader: Upstream;
  readonly pusher: PushClient;

  /** One page of the catalog, which not every registry has. @throws {UpstreamError} */
  listRepositories(page: PageRequest, signal?: AbortSignal): Promise<RepositoryPage>;

  /** Ends the connections; requests under way fail. */
  close(): Promise<void>;
}

/** @throws when `tls.ca` cannot be read */
export function connectRegistry(options: EndpointsOptions): RegistryClient {
  const name = options.config.name;
  const endpoints = connectEndpoints(options);
  const { remote } = endpoints;
  const reader = new RegistryUpstream({ name, events: options.events, ...endpoints });
  return {
    reader,
    pusher: new PushClient(remote),
    listRepositories: async (page, signal) => {
      const scope = new CallScope(name, signal && { signal });
      try {
        return await listRepositories(remote, page, scope);
      } finally {
        scope.close();
      }
    },
    close: () => reader.close(),
  };
}
