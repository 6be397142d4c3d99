// A storage driver of your own: one tenant's part of a storage that several share. Its tests:  node --test own-storage-driver.mjs
import { test } from 'node:test';
import { checkPath, checkPathBelowRoot, createInmemoryDriver } from 'layover/storage';
import { storageDriverCases } from 'layover/testing';

/** @type {(shared: import('layover/storage').StorageDriver, tenant: string) => import('layover/storage').StorageDriver} */
function tenantDriver(shared, tenant) {
  const toShared = (path, check = checkPathBelowRoot) => {
    check(tenant, path);
    return path === '/' ? `/${tenant}` : `/${tenant}${path}`;
  };
  const create = async (path) => shared.staging.create(toShared(path));
  const size = async (path) => shared.staging.size(toShared(path));
  const hold = async (path) => {
    const staged = await shared.staging.hold(toShared(path));
    const publish = staged.publish.bind(staged);
    return Object.assign(staged, { publish: async (to) => publish(toShared(to)) });
  };
  return {
    name: tenant,
    spoolDirectory: shared.spoolDirectory,
    staging: { minChunkBytes: shared.staging.minChunkBytes, isRemote: shared.staging.isRemote, create, size, hold },
    stat: async (path) => shared.stat(toShared(path, checkPath)),
    open: async (path) => shared.open(toShared(path, checkPath)),
    readSmall: async (path, maxBytes) => shared.readSmall(toShared(path, checkPath), maxBytes),
    writeSmall: async (path, bytes, options) => shared.writeSmall(toShared(path), bytes, options),
    adopt: async (localFile, path) => shared.adopt(localFile, toShared(path)),
    list: async (path) => shared.list(toShared(path, checkPath)),
    move: async (from, to) => shared.move(toShared(from), toShared(to)),
    delete: async (path) => shared.delete(toShared(path)),
    deleteEmpty: async (path) => shared.deleteEmpty(toShared(path)),
    redirectUrl: async (path, request) => shared.redirectUrl(toShared(path), request),
    close: async () => {}, // The owner of `shared` closes it.
  };
}

const shared = createInmemoryDriver();
const create = async () => ({ driver: tenantDriver(shared, crypto.randomUUID()), async [Symbol.asyncDispose]() {} });
for (const { name, run } of storageDriverCases(create)) test(name, run);
