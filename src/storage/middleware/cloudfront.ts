import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { StorageDriver } from '../driver.ts';
import type { StorageLog } from '../storage-log.ts';
import { type AwsRangesOptions, PublishedRanges } from './published-ranges.ts';
import { withRedirectUrl } from './with-redirect-url.ts';

/** Redirects clients to CloudFront. */
export interface CloudFrontOptions {
  /** Ends with a slash. */
  readonly baseUrl: string;
  /** PEM file with an RSA key, PKCS #1 or #8. */
  readonly privateKeyFile: string;
  readonly keyPairId: string;
  /** How long a URL is valid. Milliseconds. */
  readonly durationMs: number;
  /** Clients with these addresses get the driver's own URLs. Absent: no clients do. */
  readonly awsRanges: AwsRangesOptions | undefined;
}

/**
 * Wraps a driver so that clients are redirected to CloudFront, with signed URLs of limited validity. Redirects of drivers
 * without {@link StorageDriver.objectKey} do not change.
 *
 * @throws {Error} when the key cannot be read
 */
export async function cloudFrontStorage(
  driver: StorageDriver,
  options: CloudFrontOptions,
  log?: StorageLog,
): Promise<StorageDriver> {
  const { baseUrl, keyPairId, durationMs } = options;
  const privateKey = await readPrivateKey(options.privateKeyFile);
  const ranges = options.awsRanges && PublishedRanges.start(options.awsRanges, log);
  const redirecting = withRedirectUrl(driver, async (path, request) => {
    if (!driver.objectKey || ranges?.has(request.clientAddress)) return driver.redirectUrl(path, request);
    const expiresAt = new Date(Date.now() + durationMs);
    return signUrl(`${baseUrl}${driver.objectKey(path)}`, { privateKey, keyPairId, expiresAt });
  });
  return { ...redirecting, close: () => (ranges?.close(), redirecting.close()) };
}

async function readPrivateKey(file: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(file));
  } catch (err) {
    const reason = err instanceof Error && 'code' in err ? String(err.code) : 'not a private key';
    throw new Error(`middleware.storage cloudfront: ${file} cannot be used (${reason})`, { cause: err });
  }
}

interface Signer {
  readonly privateKey: KeyObject;
  readonly keyPairId: string;
  readonly expiresAt: Date;
}

/**
 * A signed URL with a canned policy, which permits this URL until a point in time.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
 */
function signUrl(url: string, { privateKey, keyPairId, expiresAt }: Signer): string {
  const expires = Math.floor(expiresAt.getTime() / 1000);
  const policy = `{"Statement":[{"Resource":"${url}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
  // CloudFront requires SHA-1.
  const signature = sign('RSA-SHA1', Buffer.from(policy), privateKey).toString('base64');
  const query = `Expires=${expires}&Signature=${urlSafe(signature)}&Key-Pair-Id=${keyPairId}`;
  return `${url}${url.includes('?') ? '&' : '?'}${query}`;
}

function urlSafe(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('=', '_').replaceAll('/', '~');
}
