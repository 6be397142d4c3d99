import type { StorageDriver } from '../driver.ts';

/** Wraps a driver with another {@link StorageDriver.redirectUrl}. */
export function withRedirectUrl(driver: StorageDriver, redirectUrl: StorageDriver['redirectUrl']): StorageDriver {
  return {
    name: driver.name,
    spoolDirectory: driver.spoolDirectory,
    staging: driver.staging,
    stat: (path) => driver.stat(path),
    open: (path) => driver.open(path),
    readSmall: (path, maxBytes) => driver.readSmall(path, maxBytes),
    writeSmall: (path, bytes, options) => driver.writeSmall(path, bytes, options),
    adopt: (localFile, path, options) => driver.adopt(localFile, path, options),
    ...(driver.batch && { batch: driver.batch.bind(driver) }),
    ...(driver.secure && { secure: driver.secure.bind(driver) }),
    startAdoption: (localFile, path, options) => driver.startAdoption?.(localFile, path, options),
    list: (path) => driver.list(path),
    ...(driver.listAfter && { listAfter: driver.listAfter.bind(driver) }),
    move: (from, to) => driver.move(from, to),
    delete: (path) => driver.delete(path),
    deleteEmpty: (path) => driver.deleteEmpty(path),
    redirectUrl,
    ...(driver.objectKey && { objectKey: driver.objectKey.bind(driver) }),
    ...(driver.isWritable && { isWritable: driver.isWritable.bind(driver) }),
    close: () => driver.close(),
  };
}
