import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

import { ACCESS_KEY, BUCKET as S3_BUCKET, findVersitygw, SECRET_KEY, startVersitygw } from '../test/s3/versitygw.ts';
import { ACCOUNT, CONTAINER, hasAzurite, KEY, startAzurite } from '../test/support/azurite.ts';
import { CephCluster, missingCeph, missingGateway, POOL, S3_KEYS, USER } from '../test/support/ceph/ceph-cluster.ts';
import { BUCKET as GCS_BUCKET, fakeGcsServer, startFakeGcsServer } from '../test/support/fake-gcs-server.ts';
import type { ConfigObject } from '../test/support/layover.ts';

/** A store that runs, and the `storage` of a configuration for it. */
export interface RunningStore extends AsyncDisposable {
  readonly storage: ConfigObject;
}

/** By driver and server. Undefined: the server is missing on this machine. */
export const STORES: Readonly<Record<string, () => Promise<RunningStore | undefined>>> = {
  filesystem: async () => ({ storage: {}, async [Symbol.asyncDispose]() {} }),
  's3 on versitygw': onVersitygw,
  's3 on radosgw': onGateway,
  'gcs on fake-gcs-server': onFakeGcsServer,
  'azure on Azurite': onAzurite,
  'rados on Ceph': onCeph,
};

const storeOn = (server: AsyncDisposable, driver: ConfigObject): RunningStore => ({
  storage: { filesystem: undefined, ...driver },
  [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
});

async function onVersitygw() {
  const program = await findVersitygw();
  if (program === undefined) return undefined;
  const server = await startVersitygw(program);
  return storeOn(server, s3(server.url, { bucket: S3_BUCKET, accesskey: ACCESS_KEY, secretkey: SECRET_KEY }));
}

async function onGateway() {
  if (missingGateway.length > 0) return undefined;
  const cluster = await CephCluster.start({ gateway: true });
  const credentials = { accessKeyId: S3_KEYS.accessKey, secretAccessKey: S3_KEYS.secretKey };
  const endpoint = cluster.gatewayUrl;
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: S3_BUCKET }));
  const keys = { accesskey: S3_KEYS.accessKey, secretkey: S3_KEYS.secretKey };
  return storeOn(cluster, s3(endpoint, { bucket: S3_BUCKET, ...keys }));
}

function s3(regionendpoint: string, options: ConfigObject): ConfigObject {
  return { s3: { regionendpoint, ...options } };
}

async function onFakeGcsServer() {
  if (fakeGcsServer === undefined) return undefined;
  const server = await startFakeGcsServer(fakeGcsServer);
  return storeOn(server, { gcs: { bucket: GCS_BUCKET, endpoint: server.url, anonymous: true } });
}

async function onAzurite() {
  if (!hasAzurite) return undefined;
  const server = await startAzurite();
  const account = { accountname: ACCOUNT, accountkey: KEY, container: CONTAINER };
  return storeOn(server, { azure: { ...account, serviceurl: server.url } });
}

async function onCeph() {
  if (missingCeph.length > 0) return undefined;
  const cluster = await CephCluster.start();
  return storeOn(cluster, { rados: { poolname: POOL, username: USER, conffile: cluster.configFile } });
}
