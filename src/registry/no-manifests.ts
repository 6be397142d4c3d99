import { RegistryError } from '../oci/errors.ts';
import type { ManifestWriter } from './registry.ts';

/** Takes no manifests. */
export const NO_MANIFESTS: ManifestWriter = { put: refuse, delete: refuse, deleteBlob: refuse };

async function refuse(repository: string): Promise<never> {
  throw new RegistryError('UNSUPPORTED', `no manifest can be pushed to ${repository} here, and nothing be deleted`);
}
