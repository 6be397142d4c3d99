import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { AwsRangesConfig } from '../../config/config.ts';
import type { StorageDriver } from '../driver.ts';
import type { StorageLog } from '../storage-log.ts';
import { PublishedRanges } from './published-ranges.ts';
import { withRedirectUrl } from './wrapped.ts';

export interface CloudFrontOptions {
  /** Ends with a slash. */
  readonly baseUrl: string;
  /** PEM file with an RSA key, PKCS #1 or #8. */
  readonly privateKeyFile: string;
  readonly keyPairId: string;
  /** How long a URL is good. Milliseconds. */
  readonly durationMs: number;
  /** Clients with these addresses stay with the driver's URLs; undefined: none do. */
  readonly awsRanges: AwsRangesConfig | undefined;
}

/**
 * Clients are sent to CloudFront, by URLs that are good for a while. Of drivers without objects the URLs stay as they are.
 *
 * @throws when the key cannot be read
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
    const reason = err instanceof Error && 'code' in err ? String(err.code) : 'no private key';
    throw new Error(`middleware.storage cloudfront: ${file} cannot be used (${reason})`, { cause: err });
  }
}

interface Signer {
  readonly privateKey: KeyObject;
  readonly keyPairId: string;
  readonly expiresAt: Date;
}

/**
 * A signed URL with a canned policy, which is: this URL, until then.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
 */
function signUrl(url: string, { privateKey, keyPairId, expiresAt }: Signer): string {
  const expires = Math.floor(expiresAt.getTime() / 1000);
  const policy = `{"Statement":[{"Resource":"${url}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
  // CloudFront verifies SHA-1, whatever else is thought of it.
  const signature = sign('RSA-SHA1', Buffer.from(policy), privateKey).toString('base64');
  const query = `Expires=${expires}&Signature=${urlSafe(signature)}&Key-Pair-Id=${keyPairId}`;
  return `${url}${url.includes('?') ? '&' : '?'}${query}`;
}

function urlSafe(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('=', '_').replaceAll('/', '~');
}
