import { describe, it } from 'vitest';

import {
  type DriverUnderTest,
  storageDriverCases,
  type StorageDriverSuiteOptions,
} from '../../src/testing/storage-driver-cases.ts';

/** The contract of every storage driver. */
export function describeStorageDriver(
  name: string,
  create: () => Promise<DriverUnderTest>,
  options: StorageDriverSuiteOptions = {},
): void {
  describe(`the ${name} driver`, () => {
    // oxlint-disable-next-line vitest/valid-title, vitest/expect-expect -- a case has its name and its assertions
    for (const each of storageDriverCases(create, options)) it(each.name, each.run);
  });
}
