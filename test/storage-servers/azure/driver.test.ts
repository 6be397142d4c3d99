import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';

import { describeStorageDriver } from '../../storage/driver-contract.ts';
import { hasAzurite } from '../../support/azurite.ts';
import { createDriver, sharedAzurite } from './azurite.ts';

describe.skipIf(!hasAzurite).each([false, true])('on Azurite, with a leading slash %s:', (hasLeadingSlash) => {
  const url = sharedAzurite();

  describeStorageDriver(
    'azure',
    async () => createDriver(url(), { rootDirectory: `/${randomUUID()}/`, hasLeadingSlash }),
    { objectsBelowObjects: true },
  );
});
