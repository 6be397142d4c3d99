import type { StorageDriver } from '../../src/storage/driver.ts';

export interface DriverUnderTest extends AsyncDisposable {
  readonly driver: StorageDriver;
}
