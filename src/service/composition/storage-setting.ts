import type { StorageDriverConfig } from '../../config/config.ts';

/** Keys of the configuration that explain an error of an S3 store, by the store's code. */
const S3_SETTINGS: Readonly<Record<string, string>> = {
  NoSuchBucket: 'storage.s3.bucket',
  InvalidBucketName: 'storage.s3.bucket',
  InvalidAccessKeyId: 'storage.s3.accesskey',
  XAdminUserNotFound: 'storage.s3.accesskey', // versitygw
  SignatureDoesNotMatch: 'storage.s3.secretkey',
  PermanentRedirect: 'storage.s3.region',
  AuthorizationHeaderMalformed: 'storage.s3.region',
  ECONNREFUSED: 'storage.s3.regionendpoint',
  ENOTFOUND: 'storage.s3.regionendpoint',
};

const CREDENTIALS = 'the credentials of the environment, or set storage.s3.accesskey and storage.s3.secretkey';
const PERMISSION =
  "the permissions of storage.s3.accesskey: s3:ListBucket, and reading, writing and deleting the bucket's objects";

/** An error of the storage whose message names the keys to check. The same error when none explains it. */
export function withSetting(error: unknown, driver: StorageDriverConfig): unknown {
  if (!(error instanceof Error)) return error;
  const setting = settingOf(error, driver);
  return setting === undefined ? error : new Error(`${error.message} (check ${setting})`, { cause: error });
}

function settingOf(error: Error, driver: StorageDriverConfig): string | undefined {
  if (driver.kind !== 's3') return undefined;
  const code = String((error as { code?: unknown }).code);
  if (code === 'AccessDenied' || code === 'Forbidden') return PERMISSION;
  const setting = S3_SETTINGS[code];
  const isOfCredentials = setting === 'storage.s3.accesskey' || setting === 'storage.s3.secretkey';
  const isFromChain = driver.credentials === undefined && (isOfCredentials || code === 'CredentialsProviderError');
  return isFromChain ? CREDENTIALS : setting;
}
