import { RegistryError } from '../oci/errors.ts';
import type { Registry, RegistryDeleter, RegistryWriter } from '../registry/registry.ts';
import { delegate } from './delegate.ts';

/** The reason for the client. @param repository as its registry names it */
export type DescribeRefusal = (repository: string) => string;

const READ_ONLY: DescribeRefusal = () => 'the registry is read-only: push and delete are off';

/** The same registry without writes: they reject with `UNSUPPORTED`. */
export function readOnly(registry: Registry, describe: DescribeRefusal = READ_ONLY): Registry {
  return { ...delegate(registry), ...refuseWrites(describe) };
}

/** The writing part of a registry that can only be read: each call rejects with `UNSUPPORTED`, which is status 405 with `Allow`. */
export function refuseWrites(describe: DescribeRefusal): RegistryWriter & RegistryDeleter {
  const refuse = async (repository: string): Promise<never> => {
    throw new RegistryError('UNSUPPORTED', describe(repository), { headers: { allow: 'GET, HEAD, OPTIONS' } });
  };
  const uploads = { start: refuse, find: refuse, append: refuse, finish: refuse, cancel: refuse, mount: refuse };
  return {
    uploads: { minChunkBytes: 0, ...uploads },
    putManifest: refuse,
    deleteManifest: refuse,
    deleteBlob: refuse,
  };
}
