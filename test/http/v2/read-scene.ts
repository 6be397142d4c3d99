import { join } from 'node:path';

import { digestOf } from '../../../src/oci/digest.ts';
import { bytesContent, seededContent } from '../../support/content.ts';
import { writeDistributionLayout } from '../../support/distribution-layout.ts';
import { Images } from '../../support/images.ts';
import { type ConfigObject, Layover } from '../../support/layover.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const images = new Images();

export const app = images.addImage('team/app', '1', { layers: [200_000] });
export const index = images.addIndex('team/app', 'multi');
export const docker = images.addImage('team/app', 'docker', { family: 'docker' });
export const signature = images.addArtifact('team/app', app, 'application/vnd.example.signature', 'signed');
export const sbom = images.addArtifact('team/app', app, 'application/vnd.example.sbom', 'made of');

export const small = images.addBlob('team/app', bytesContent(Buffer.from('0123456789')));
export const large = images.addBlob('team/app', seededContent('large', 300_000));
/** More than sockets buffer. */
export const huge = images.addBlob('team/app', seededContent('huge', 16 * 1024 * 1024));
export const long = images.addBlob('team/app', bytesContent(Buffer.from('long digest'), 'sha512'));
export const empty = images.addBlob('team/app', bytesContent(Buffer.alloc(0)));

/** A name that looks like endpoints, and one as long as names can be. */
export const DEEP = 'a/blobs/uploads/tags/list/manifests/b';
export const deep = images.addImage(DEEP, 'list');
export const LONG_NAME = `${'n'.repeat(200)}/${'m'.repeat(54)}`;
images.addImage(LONG_NAME, '1');

/** Of the repository `many`. */
export const TAGS = Array.from({ length: 7 }, (_, i) => `v${i}`);
for (const tag of TAGS) images.addImage('many', tag);

/** A digest of nothing that is there. */
export const unknown = digestOf(Buffer.from('nobody has this'));

/** Layover over a directory with all of this; a plain registry, unless configured otherwise. */
export async function startReadScene(config: ConfigObject = {}, { ownProcess = false } = {}) {
  const directory = await temporaryDirectory();
  const dataDirectory = join(directory.path, 'data');
  await writeDistributionLayout(dataDirectory, images);
  const layover = await Layover.start({ dataDirectory, config, ownProcess });
  return {
    layover,
    /** Outside of the data. */
    temporaryPath: (name: string) => join(directory.path, name),
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

export type ReadScene = Awaited<ReturnType<typeof startReadScene>>;
