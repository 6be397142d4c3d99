import type { StorageDriver, WriteBatch } from '../storage/driver.ts';

/** Writes small files, which survive a power failure as the writer decides. */
export type ContentWriter = Pick<WriteBatch, 'prepare' | 'writeSmall' | 'relyOn'>;

/** Each file is durable when it is written. */
export function createDurableWriter(driver: Pick<StorageDriver, 'writeSmall'>): ContentWriter {
  return { prepare() {}, writeSmall: (path, bytes) => driver.writeSmall(path, bytes), relyOn() {} };
}

/** For content of upstreams, which can be fetched again: a power failure may undo its writes, but leaves no part of a file. */
export function createReplaceableWriter(driver: Pick<StorageDriver, 'writeSmall'>): ContentWriter {
  return {
    prepare() {},
    writeSmall: (path, bytes) => driver.writeSmall(path, bytes, { replaceable: true }),
    relyOn() {},
  };
}
