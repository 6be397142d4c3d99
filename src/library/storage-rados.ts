/**
 * The storage driver for pools of Ceph. Loads the optional package koffi, and librados.so.2 of the system.
 *
 * @module
 */
export { createRadosDriver, type RadosDriverOptions } from '../storage/rados/rados.ts';
export type { RadosOptions } from '../storage/rados/options.ts';
