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

const AZURE_SETTINGS: Readonly<Record<string, string>> = {
  ContainerNotFound: 'storage.azure.container',
  AuthenticationFailed: 'storage.azure.accountkey, or storage.azure.credentials',
  AuthorizationFailure: 'storage.azure.accountkey, and the firewall of the account',
  AuthorizationPermissionMismatch: 'the roles of the identity: Storage Blob Data Contributor on the container',
  ENOTFOUND: 'storage.azure.accountname and storage.azure.realm',
  ECONNREFUSED: 'storage.azure.serviceurl',
};

/** Error codes with the function of librados that failed, when connecting. */
const RADOS_SETTINGS: Readonly<Record<string, string>> = {
  'conf_read_file ENOENT': 'storage.rados.conffile, and that it can be read',
  'connect ENOENT': 'storage.rados.keyring, and "mon host" of storage.rados.conffile',
  'connect EACCES': 'storage.rados.username and its key in storage.rados.keyring',
  'connect EPERM': 'storage.rados.username and its key in storage.rados.keyring',
  'connect ENOTSUP': 'storage.rados.username and its key in storage.rados.keyring',
  'connect ETIMEDOUT': '"mon host" of storage.rados.conffile, and the connection to the monitors',
  'ioctx_create ENOENT': 'storage.rados.poolname',
  EACCES: 'the capabilities of storage.rados.username: mon "allow r", osd "allow rwx pool=…"',
  EPERM: 'the capabilities of storage.rados.username: mon "allow r", osd "allow rwx pool=…"',
  ETIMEDOUT: 'the health of the cluster, and storage.rados.timeout',
};

const GCS_CREDENTIALS = {
  file: 'storage.gcs.keyfile, or GOOGLE_APPLICATION_CREDENTIALS',
  inline: 'storage.gcs.credentials',
  metadata: 'the service account of this machine, or set storage.gcs.keyfile',
  anonymous: 'storage.gcs.anonymous',
};

/** An error of the storage whose message names the keys to check. The same error when none explains it. */
export function withSetting(error: unknown, driver: StorageDriverConfig): unknown {
  if (!(error instanceof Error)) return error;
  const setting = settingOf(error, driver);
  return setting === undefined ? error : new Error(`${error.message} (check ${setting})`, { cause: error });
}

function settingOf(error: Error, driver: StorageDriverConfig): string | undefined {
  const code = String((error as { code?: unknown }).code);
  if (driver.kind === 'gcs') return gcsSettingOf(code, driver);
  if (driver.kind === 'azure') return AZURE_SETTINGS[code];
  if (driver.kind === 'rados') return RADOS_SETTINGS[code];
  if (driver.kind !== 's3') return undefined;
  if (code === 'AccessDenied' || code === 'Forbidden') return PERMISSION;
  const setting = S3_SETTINGS[code];
  const isOfCredentials = setting === 'storage.s3.accesskey' || setting === 'storage.s3.secretkey';
  const isFromChain = driver.credentials === undefined && (isOfCredentials || code === 'CredentialsProviderError');
  return isFromChain ? CREDENTIALS : setting;
}

function gcsSettingOf(
  code: string,
  { credentials }: Extract<StorageDriverConfig, { kind: 'gcs' }>,
): string | undefined {
  switch (code) {
    case 'NoSuchBucket':
    case 'notFound':
      return 'storage.gcs.bucket';
    case 'forbidden':
      return "the permissions of the service account: storage.objects.list, get, create and delete on the bucket's objects";
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EHOSTUNREACH':
      return credentials.kind === 'metadata'
        ? 'the metadata server, or set storage.gcs.keyfile'
        : 'storage.gcs.endpoint and the connection to the Internet';
    default:
      return /^(?:authError|required|invalid_\w+|unauthorized_\w+|HTTP 401)$/.test(code)
        ? GCS_CREDENTIALS[credentials.kind]
        : undefined;
  }
}
