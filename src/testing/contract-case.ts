import type { StorageDriver } from '../storage/driver.ts';

/** One case of a contract suite, for the test framework of your choice. */
export interface ContractCase {
  /** What the driver must do, as a sentence that follows its name. Unique within a suite. */
  readonly name: string;
  /** Rejects with an `AssertionError`, or with an unexpected error of the driver, when the driver breaks the contract. */
  readonly run: () => Promise<void>;
}

/** What a case tests. */
export interface CaseContext {
  /** New and empty. */
  readonly driver: StorageDriver;
  readonly objectsBelowObjects: boolean;
  /** For {@link forAllInputs}. */
  readonly seed: number;
}

/** A case before it is bound to a driver. */
export interface DriverCase {
  readonly name: string;
  readonly run: (context: CaseContext) => Promise<void>;
}
