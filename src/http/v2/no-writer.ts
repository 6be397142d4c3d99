import { RegistryError } from '../../oci/errors.ts';
import type { Target } from '../../pull-through/router.ts';

/** The error of a write to a name of an upstream, or to a read-only registry. */
export function noWriter(repository: string, { sourceHost }: Target): RegistryError {
  const reason = sourceHost === undefined ? 'is read-only' : `belongs to upstream ${sourceHost}`;
  return new RegistryError('UNSUPPORTED', `${repository} ${reason}: push and delete are off`, {
    headers: { allow: 'GET, HEAD, OPTIONS' },
  });
}
