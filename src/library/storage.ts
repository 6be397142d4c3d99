/**
 * Storage drivers: bytes at paths. Their interface, and the drivers that need no other package.
 *
 * @module
 */
export * from '../storage/driver.ts';
export { createFilesystemDriver, type FilesystemDriverOptions } from '../storage/filesystem/filesystem.ts';
export { createInmemoryDriver } from '../storage/inmemory/inmemory.ts';
export { type PublishOptions, type StagedFile, StagedFileHeldError, type StagingArea } from '../storage/staging.ts';
export { inBatch } from '../storage/write-batch.ts';
export { type BufferLease, BufferPool, type BufferPoolOptions } from '../stream/buffer-pool.ts';
export type { StorageLog } from '../storage/storage-log.ts';
export { type ByteSource, MemorySource, type ReadOptions } from '../stream/byte-source.ts';
