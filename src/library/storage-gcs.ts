/**
 * The storage driver for Google Cloud Storage. Loads undici.
 *
 * @module
 */
export { createGcsDriver, type GcsDriverOptions } from '../storage/gcs/gcs.ts';
export { type GcsCredentialsSource, type GcsOptions } from '../storage/gcs/options.ts';
