import type { StorageDriver, WriteBatch } from '../storage/driver.ts';
import { inBatch } from '../storage/write-batch.ts';

/** Writes small files, which survive a power failure as the writer decides. */
export type ContentWriter = Pick<WriteBatch, 'prepare' | 'writeSmall' | 'relyOn' | 'settle'>;

/** Each file is durable when it is written. */
export function createDurableWriter(driver: StorageDriver): ContentWriter {
  return { ...createReplaceableWriter(driver), writeSmall: (path, bytes) => driver.writeSmall(path, bytes) };
}

/** For content of upstreams, which can be fetched again: a power failure may undo its writes, but leaves no part of a file. */
export function createReplaceableWriter(driver: StorageDriver): ContentWriter {
  return {
    prepare() {},
    writeSmall: (path, bytes) => driver.writeSmall(path, bytes, { replaceable: true }),
    relyOn() {},
    settle: (paths) => inBatch(driver, (batch) => batch.settle(paths)),
  };
}
