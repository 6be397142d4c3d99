import type { StorageDriver, WriteBatch } from './driver.ts';

/** Runs `work` in a {@link StorageDriver.batch}. Other drivers make each file durable when it is written. */
export async function inBatch<T>(driver: StorageDriver, work: (batch: WriteBatch) => Promise<T>): Promise<T> {
  if (driver.batch) return await driver.batch(work);
  return await work({
    prepare() {},
    writeSmall: (path, bytes) => driver.writeSmall(path, bytes),
    publish: (staged, path) => staged.publish(path),
    relyOn() {},
    async settle() {},
  });
}
