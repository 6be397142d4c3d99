import { startDockerRegistry } from '../support/docker-registry.ts';

export interface DistributionCacheOptions {
  /** Path of `docker-registry`. */
  readonly program: string;
  readonly rootdirectory: string;
  /** Undefined: a plain registry on the directory, no cache. */
  readonly remoteurl?: string;
}

/** A real `docker-registry` on a directory; `await using` ends it, and then it has written down what it knows. */
export async function startDistribution({ program, rootdirectory, remoteurl }: DistributionCacheOptions) {
  return startDockerRegistry(program, {
    storage: { filesystem: { rootdirectory } },
    // Without it the process ends before it writes its scheduler's state.
    http: { draintimeout: '5s' },
    ...(remoteurl !== undefined && { proxy: { remoteurl } }),
  });
}
