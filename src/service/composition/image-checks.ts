import type { ProxyConfig } from '../../config/config.ts';
import { type CheckStore, findMissing } from '../../content/image-check.ts';
import { createNameFilter } from '../../filters/name-filter.ts';
import { matchGlobs } from '../../matching/glob.ts';
import { parseRepositoryName } from '../../oci/reference.ts';
import type { ContentRefusals } from '../../registry/refusals.ts';
import type { ImageCheckRequest, ImageCheckResult } from '../../operations/cache-control.ts';

/**
 * Checks images by the names that clients have for them, in storage alone.
 *
 * @param refusals content that no client gets
 */
export function createImageCheck(proxy: ProxyConfig | undefined, store: CheckStore, refusals: ContentRefusals) {
  const storedNameOf = createStoredNames(proxy);
  return async ({ host, repository, ...image }: ImageCheckRequest): Promise<ImageCheckResult> => {
    const name = storedNameOf(host, parseRepositoryName(repository));
    if ('problem' in name) return { missing: [{ part: 'manifest', digest: image.digest, problem: name.problem }] };
    const refusal = refusals.ofName(name.stored);
    if (refusal) return { missing: [{ part: 'manifest', digest: image.digest, problem: refusal.message }] };
    return { ...name, missing: await findMissing(store, { ...image, repository: name.stored }, refusals) };
  };
}

type StoredName = { readonly stored: string } | { readonly problem: string };

/** The stored name of a repository of some registry, as a client's request for it finds it. */
export function createStoredNames(proxy: ProxyConfig | undefined): (host: string, repository: string) => StoredName {
  const upstreams = proxy?.upstreams ?? [];
  const isHosted = proxy ? matchGlobs(proxy.hosted) : () => true;
  return (host, repository) => {
    const upstream =
      upstreams.find(({ name, aliases }) =>
        [name, ...aliases].some((one) => one.toLowerCase() === host.toLowerCase()),
      ) ?? upstreams.find(({ anyNamespace }) => anyNamespace);
    if (!upstream) {
      // An image of this registry itself, whose host the configuration does not have.
      return isHosted(repository) ? { stored: repository } : { problem: `no upstream here is named ${host}` };
    }
    if (!createNameFilter(upstream)(repository))
      return { problem: `is excluded by the allow or deny list of ${upstream.name}` };
    return { stored: upstream.storePrefix === '' ? repository : `${upstream.storePrefix}/${repository}` };
  };
}
