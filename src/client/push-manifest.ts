import { RegistryError } from '../oci/errors.ts';
import type { CallOptions, ManifestPut, PushedManifest, RegistryWriter } from '../registry/registry.ts';
import { retrying } from '../retry/retry-loop.ts';
import { isTemporary, pushDelayMs } from './push-retries.ts';

interface ManifestToPush extends PushedManifest {
  /** Where it goes. */
  readonly repository: string;
}

/**
 * Puts a manifest into a repository, again up to four times when the registry or the network fails.
 *
 * @throws {RegistryError} as `RegistryWriter.putManifest`; the reason of the signal when it is aborted
 */
export async function pushManifest(
  registry: Pick<RegistryWriter, 'putManifest'>,
  { repository, ...manifest }: ManifestToPush,
  options: CallOptions = {},
): Promise<ManifestPut> {
  const { signal } = options;
  const delayMs = (err: unknown, retry: number) => {
    if (signal?.aborted || !(err instanceof RegistryError) || !isTemporary(err)) return undefined;
    return pushDelayMs(err, retry);
  };
  try {
    return await retrying({ delayMs, signal }, () => registry.putManifest(repository, manifest, options));
  } catch (err) {
    signal?.throwIfAborted();
    throw err;
  }
}
