/**
 * The storage driver for Azure Blob Storage. Loads undici.
 *
 * @module
 */
export { createAzureDriver, type AzureDriverOptions } from '../storage/azure/azure.ts';
export { type AzureCredentials, type AzureOptions } from '../storage/azure/options.ts';
