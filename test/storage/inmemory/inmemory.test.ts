import { createInmemoryDriver } from '../../../src/storage/inmemory/inmemory.ts';
import { describeStorageDriver } from '../driver-contract.ts';

describeStorageDriver('inmemory', async () => {
  const driver = createInmemoryDriver();
  return { driver, [Symbol.asyncDispose]: () => driver.close() };
});
