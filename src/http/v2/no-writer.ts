import { RegistryError } from '../../oci/errors.ts';

/** For a write to what takes none: an upstream's name, or a registry that is read-only. */
export function noWriter(repository: string): RegistryError {
  return new RegistryError('UNSUPPORTED', `nothing can be pushed to ${repository} here, nor deleted`, {
    headers: { allow: 'GET, HEAD, OPTIONS' },
  });
}
