/**
 * The contract suite for storage drivers. It works with every test framework: cases are functions, and assertions are those of
 * `node:assert`.
 *
 * @module
 */
export type { ContractCase } from '../testing/contract-case.ts';
export {
  type DriverUnderTest,
  storageDriverCases,
  type StorageDriverSuiteOptions,
} from '../testing/storage-driver-cases.ts';
