import { describe } from 'vitest';

import { describeStorageDriver } from '../../storage/driver-contract.ts';
import { createDriver, hasCeph, sharedCeph } from './shared-ceph.ts';

const MIB = 1024 * 1024;

describe.skipIf(!hasCeph).each([4 * MIB, 64 * 1024])('on Ceph, with chunks of %i bytes:', (chunkBytes) => {
  const cluster = sharedCeph();

  describeStorageDriver('rados', async () => createDriver(cluster(), { chunkBytes }));
});
