import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { ACCESS_KEY, BUCKET, findVersitygw, SECRET_KEY, startVersitygw } from '../s3/versitygw.ts';
import { bytesContent } from '../support/content.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { EVERY_WORKFLOW, readingWorkflows, type Workflows } from './released-suite.ts';
import { EVERYTHING, readOnly, REDIRECTED, VALIDATED } from './settings.ts';
import type { Settings } from './suite.ts';

/** A registry, and what is asked of it. */
export interface Scene {
  readonly name: string;
  /** Of the newest suite. */
  readonly settings: Settings;
  /** Of the released suite. */
  readonly released: Workflows;
  /** Once more, with the content of the first time. */
  readonly isRepeated: boolean;
  /** @returns why it cannot be started, on a machine that lacks something */
  start(): Promise<StartedScene | string>;
}

export interface StartedScene extends AsyncDisposable {
  /** Base URL. */
  readonly url: string;
}

const DELETES = { delete: { enabled: true } };

/** On each kind of storage: as it comes, and taking manifests whose parts were never pushed. */
function pushed(storage: string, start: (config: ConfigObject) => Promise<StartedScene | string>): Scene[] {
  const sparse = { validation: { disabled: true } };
  const every = { released: EVERY_WORKFLOW };
  return [
    { ...every, name: `${storage}, validating`, settings: VALIDATED, isRepeated: false, start: () => start({}) },
    { ...every, name: `${storage}, everything on`, settings: EVERYTHING, isRepeated: true, start: () => start(sparse) },
  ];
}

const onFilesystem = (config: ConfigObject) => Layover.startProcess({ config: { ...config, storage: DELETES } });

const inMemory = (config: ConfigObject) =>
  Layover.startProcess({ config: { ...config, storage: { filesystem: undefined, inmemory: {}, ...DELETES } } });

async function onS3(config: ConfigObject, redirect: ConfigObject = { disable: true }): Promise<StartedScene | string> {
  const program = await findVersitygw();
  if (program === undefined) return 'versitygw is missing';
  const server = await startVersitygw(program);
  const s3 = {
    regionendpoint: server.url,
    region: 'us-east-1',
    bucket: BUCKET,
    accesskey: ACCESS_KEY,
    secretkey: SECRET_KEY,
    rootdirectory: randomUUID(),
  };
  const layover = await Layover.startProcess({
    config: { ...config, storage: { filesystem: undefined, s3, redirect, ...DELETES } },
  });
  return {
    url: layover.url,
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const images = new Images();
const REPOSITORY = 'team/app';
const app = images.addImage(REPOSITORY, '1', { layers: [200_000] });
const index = images.addIndex(REPOSITORY, 'multi');
const docker = images.addImage(REPOSITORY, 'docker', { family: 'docker' });
const signature = images.addArtifact(REPOSITORY, app, 'application/vnd.example.signature', 'signed');
const sbom = images.addArtifact(REPOSITORY, app, 'application/vnd.example.sbom', 'made of');
const empty = images.addBlob(REPOSITORY, bytesContent(Buffer.alloc(0)));
const TAGS = ['1', 'multi', 'docker'] as const;
const stored = readOnly({
  repository: REPOSITORY,
  tags: TAGS,
  manifests: [app, index, ...Object.values(index.images), docker, signature, sbom].map(({ digest }) => digest),
  blobs: [app.config, ...app.layers, empty.digest],
  referrers: [app.digest],
});
const reading = { repository: REPOSITORY, manifest: app.digest, blob: app.config, tags: TAGS };
const released = readingWorkflows(reading);

/** A registry that has all of this, and a cache before it that has nothing yet. */
async function startCache(): Promise<StartedScene> {
  const upstream = await startStored({});
  const upstreams = [{ name: 'upstream.example', remoteurl: upstream.url, default: true }];
  const cache = await Layover.startProcess({ config: { proxy: { upstreams } } });
  return {
    url: cache.url,
    async [Symbol.asyncDispose]() {
      await cache[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

async function startStored(storage: ConfigObject): Promise<StartedScene> {
  const directory = await temporaryDirectory();
  const dataDirectory = join(directory.path, 'data');
  await writeDistributionLayout(dataDirectory, images);
  const layover = await Layover.startProcess({ dataDirectory, config: { storage } });
  return {
    url: layover.url,
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const MAINTENANCE = { maintenance: { readonly: { enabled: true } } };

export const SCENES: readonly Scene[] = [
  ...pushed('filesystem', onFilesystem),
  ...pushed('in memory', inMemory),
  ...pushed('S3', onS3),
  {
    name: 'S3, redirecting',
    settings: REDIRECTED,
    released: EVERY_WORKFLOW,
    isRepeated: false,
    start: () => onS3({}, { disable: false }),
  },
  { name: 'pull-through cache', settings: stored, released, isRepeated: true, start: startCache },
  { name: 'read-only', settings: stored, released, isRepeated: false, start: () => startStored(MAINTENANCE) },
];
