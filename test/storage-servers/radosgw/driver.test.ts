import { randomUUID } from 'node:crypto';
import { beforeAll, describe } from 'vitest';

import { createS3Driver } from '../../../src/storage/s3/s3.ts';
import { s3Config } from '../../s3/s3-config.ts';
import { describeStorageDriver } from '../../storage/driver-contract.ts';
import { missingGateway, S3_KEYS } from '../../support/ceph/ceph-cluster.ts';
import { sharedCeph } from '../rados/shared-ceph.ts';
import { createBucket } from '../stores.ts';

const isMissing = missingGateway.length > 0;

describe.skipIf(isMissing)("on Ceph's gateway:", () => {
  const cluster = sharedCeph({ gateway: true });
  beforeAll(async () => {
    if (!isMissing) await createBucket(cluster().gatewayUrl);
  });

  describe.each(['when_required', 'when_supported'] as const)('checksums %s:', (checksums) => {
    describeStorageDriver(
      's3',
      async () => {
        const credentials = { accessKeyId: S3_KEYS.accessKey, secretAccessKey: S3_KEYS.secretKey };
        const driver = createS3Driver(
          s3Config(cluster().gatewayUrl, { rootDirectory: `/${randomUUID()}/`, checksums, credentials }),
        );
        return { driver, [Symbol.asyncDispose]: () => driver.close() };
      },
      { objectsBelowObjects: true },
    );
  });
});
