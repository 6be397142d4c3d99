import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';

import { FakeGcs } from '../storage/gcs/fake-gcs.ts';
import { missingGateway, POOL, S3_KEYS, USER } from '../support/ceph/ceph-cluster.ts';
import type { ConfigObject } from '../support/layover.ts';
import { ACCOUNT, CONTAINER, hasAzurite, KEY, sharedAzurite } from './azure/azurite.ts';
import { BUCKET, fakeGcsServer, sharedGcs } from './gcs/fake-gcs-server.ts';
import { hasCeph, sharedCeph } from './rados/shared-ceph.ts';

const CHUNK_BYTES = 5 * 1024 * 1024;

/** A driver, and a server that it is tested with. */
export interface Store {
  readonly name: string;
  readonly isAvailable: boolean;
  /**
   * Starts one server for all tests of the calling `describe`.
   *
   * @returns the `storage` of a configuration. @param root a name; tests with different ones share no content
   */
  share(): (root: string) => ConfigObject;
  /** Clients are redirected to URLs that match. Absent: the driver has no URLs. */
  readonly redirect?: RegExp;
  /** A setting that makes the store unusable, and its key. */
  readonly mistake: { readonly key: string; readonly value: string };
}

/** Every driver for which there is a server. */
export const STORES: readonly Store[] = [
  {
    name: 'gcs',
    isAvailable: fakeGcsServer !== undefined,
    share: shareGcs,
    redirect: /\/docker\/registry\/v2\/blobs\/.*X-Goog-Signature=[0-9a-f]{512}$/,
    mistake: { key: 'bucket', value: 'absent' },
  },
  {
    name: 'azure',
    isAvailable: hasAzurite,
    share: shareAzure,
    redirect: /\/docker\/registry\/v2\/blobs\/.*&sig=/,
    mistake: { key: 'container', value: 'absent' },
  },
  {
    name: 's3',
    isAvailable: missingGateway.length === 0,
    share: shareGateway,
    redirect: /\/docker\/registry\/v2\/blobs\/.*X-Amz-Signature=/,
    mistake: { key: 'bucket', value: 'absent' },
  },
  { name: 'rados', isAvailable: hasCeph, share: shareCeph, mistake: { key: 'poolname', value: 'absent' } },
];

function shareGcs() {
  const server = sharedGcs();
  /** Issues the tokens; the server takes any. */
  let google: FakeGcs;
  beforeAll(async () => {
    google = await FakeGcs.start();
  });
  afterAll(() => google[Symbol.asyncDispose]());
  return (root: string) => ({
    gcs: {
      bucket: BUCKET,
      endpoint: server().url,
      credentials: google.accounts.keyFile(`${google.url}/token`),
      chunksize: 4 * 1024 * 1024,
      rootdirectory: root,
    },
  });
}

function shareAzure() {
  const url = sharedAzurite();
  return (root: string) => ({
    azure: {
      accountname: ACCOUNT,
      accountkey: KEY,
      container: CONTAINER,
      serviceurl: url(),
      chunksize: CHUNK_BYTES,
      rootdirectory: root,
    },
  });
}

/** Ceph's gateway. */
function shareGateway() {
  const cluster = sharedCeph({ gateway: true });
  beforeAll(() => createBucket(cluster().gatewayUrl));
  return (root: string) => ({
    s3: {
      regionendpoint: cluster().gatewayUrl,
      bucket: BUCKET,
      accesskey: S3_KEYS.accessKey,
      secretkey: S3_KEYS.secretKey,
      chunksize: CHUNK_BYTES,
      rootdirectory: root,
    },
  });
}

function shareCeph() {
  const cluster = sharedCeph();
  return (root: string) => ({
    rados: { poolname: POOL, username: USER, conffile: cluster().configFile, namespace: root },
  });
}

export async function createBucket(endpoint: string): Promise<void> {
  const credentials = { accessKeyId: S3_KEYS.accessKey, secretAccessKey: S3_KEYS.secretKey };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
}
