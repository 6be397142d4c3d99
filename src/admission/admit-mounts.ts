import { delegate, delegateUploads } from '../filters/delegate.ts';
import type { Digest } from '../oci/digest.ts';
import type { Registry } from '../registry/registry.ts';

/**
 * The same registry, where no blob is mounted from a repository of which it is not known to be admitted. The client sends it instead.
 *
 * @param mayMount takes the stored name of the source
 */
export function admitMounts(registry: Registry, mayMount: (from: string, digest: Digest) => boolean): Registry {
  const { uploads } = registry;
  return {
    ...delegate(registry),
    uploads: {
      ...delegateUploads(uploads),
      async mount(repository, digest, source, options) {
        if (source.from !== undefined && !mayMount(source.from, digest)) return undefined;
        const mayPull = (name: string) => mayMount(name, digest) && source.mayPull(name);
        return uploads.mount(repository, digest, { ...source, mayPull }, options);
      },
    },
  };
}
