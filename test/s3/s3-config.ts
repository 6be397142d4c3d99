import type { S3Config } from '../../src/config/config.ts';
import { ACCESS_KEY, BUCKET, SECRET_KEY } from './versitygw.ts';

const MIB = 1024 * 1024;

/** A configuration as the loader makes it, with a root directory of its own so that tests can share a bucket. */
export function s3Config(endpoint: string, more: Partial<S3Config> = {}): S3Config {
  return {
    kind: 's3',
    bucket: BUCKET,
    region: 'us-east-1',
    endpoint,
    redirectEndpoint: undefined,
    forcePathStyle: true,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    encryption: undefined,
    tls: { insecure: false, caFile: undefined },
    chunkBytes: 5 * MIB,
    copy: { chunkBytes: 5 * MIB, maxConcurrent: 4, thresholdBytes: 5 * MIB, uniformParts: false },
    rootDirectory: '',
    storageClass: undefined,
    userAgent: undefined,
    dualStack: false,
    accelerate: false,
    fips: false,
    acl: undefined,
    logRequests: false,
    checksums: 'when_required',
    abandonedAfterMs: 86_400_000,
    ...more,
  };
}
