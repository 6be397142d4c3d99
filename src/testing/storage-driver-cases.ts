import { randomInt } from 'node:crypto';

import type { StorageDriver } from '../storage/driver.ts';
import { ADOPTING_CASES } from './adopting-cases.ts';
import { BATCH_CASES } from './batch-cases.ts';
import type { ContractCase } from './contract-case.ts';
import { DIRECTORY_CASES } from './directory-cases.ts';
import { PATH_CASES } from './path-cases.ts';
import { READING_CASES } from './reading-cases.ts';
import { STAGING_CASES } from './staging-cases.ts';
import { WRITING_CASES } from './writing-cases.ts';

/** A driver for one case, with its release. */
export interface DriverUnderTest extends AsyncDisposable {
  /** Without files. */
  readonly driver: StorageDriver;
}

/** Options of {@link storageDriverCases}. */
export interface StorageDriverSuiteOptions {
  /** The store has no directories, and so accepts a file at a path that has others below it. @default false */
  readonly objectsBelowObjects?: boolean;
  /** Selects the generated inputs; messages of failures contain it. An integer from 0 to 2³² - 1. @default random */
  readonly seed?: number;
}

const DRIVER_CASES = [
  ...PATH_CASES,
  ...WRITING_CASES,
  ...READING_CASES,
  ...ADOPTING_CASES,
  ...DIRECTORY_CASES,
  ...STAGING_CASES,
  ...BATCH_CASES,
];

/**
 * The contract of every storage driver: one case for each thing that a driver must do, such as
 * `for (const { name, run } of storageDriverCases(create)) test(name, run);`.
 *
 * Cases are independent of each other, use up to 30 MB of storage each, and expect the error classes of `layover/storage`.
 *
 * @param create creates a driver without files; each case calls it once, and disposes the result at its end
 */
export function storageDriverCases(
  create: () => Promise<DriverUnderTest>,
  { objectsBelowObjects = false, seed = randomInt(2 ** 32) }: StorageDriverSuiteOptions = {},
): readonly ContractCase[] {
  return DRIVER_CASES.map(({ name, run }) => ({
    name,
    async run() {
      await using made = await create();
      await run({ driver: made.driver, objectsBelowObjects, seed });
    },
  }));
}
