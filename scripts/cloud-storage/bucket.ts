import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { setTimeout as delay } from 'node:timers/promises';

import type { Settings } from './settings.ts';

const RETRY_AFTER_MS = 200;

/**
 * Creates the bucket unless it exists, as soon as the server accepts requests.
 *
 * @throws {Error} when the server is not reachable before `signal` aborts, or refuses the credentials
 */
export async function ensureBucket(settings: Settings, signal: AbortSignal): Promise<void> {
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: settings.region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: settings.accessKey, secretAccessKey: settings.secretKey },
  });
  try {
    while (!(await hasCreated(client, settings.bucket))) {
      if (signal.aborted) throw new Error(`no S3 server at ${settings.endpoint}`);
      await delay(RETRY_AFTER_MS);
    }
  } finally {
    client.destroy();
  }
}

/** @returns false while the server does not respond, or responds 5xx */
async function hasCreated(client: S3Client, Bucket: string): Promise<boolean> {
  try {
    await client.send(new CreateBucketCommand({ Bucket }));
    return true;
  } catch (err) {
    if (err instanceof BucketAlreadyOwnedByYou) return true;
    const status = err instanceof S3ServiceException ? (err.$metadata.httpStatusCode ?? 0) : 0;
    if (status >= 400 && status < 500) throw err;
    return false;
  }
}
