import { RegistryError } from '../oci/errors.ts';
import {
  StorageFullError,
  StorageReadOnlyError,
  StorageUnavailableError,
  UnreadablePathError,
} from '../storage/driver.ts';

/**
 * The error that a client gets when storage fails. Absent for every other error.
 *
 * The message names no paths, hosts or keys; `cause` has them for the log.
 */
export function toStorageFailure(cause: unknown): RegistryError | undefined {
  if (cause instanceof StorageFullError) {
    // RFC 4918, section 11.5: Insufficient Storage.
    return new RegistryError('UNAVAILABLE', 'storage is full', { cause, status: 507 });
  }
  if (cause instanceof StorageReadOnlyError) {
    return new RegistryError('UNAVAILABLE', 'storage is read-only: push and delete are off', { cause });
  }
  if (cause instanceof UnreadablePathError) {
    return new RegistryError('UNAVAILABLE', 'storage cannot be read', { cause });
  }
  if (cause instanceof StorageUnavailableError) {
    return new RegistryError('UNAVAILABLE', 'storage cannot be reached', { cause });
  }
  return undefined;
}
