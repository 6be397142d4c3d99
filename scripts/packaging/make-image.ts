import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { stageApplication, stageOf } from './application.ts';
import type { Architecture } from './architecture.ts';
import { createBaseSystem } from './base-system.ts';
import { archiveEntries } from './image-archive.ts';
import type { ImageFacts } from './image-config.ts';
import { writeArchive } from './layer.ts';
import { type Descriptor, OciLayout, type WrittenImage } from './oci-layout.ts';
import { createSbom } from './sbom.ts';
import { type Entry, file, link, moved } from './tree.ts';

export interface MakeImageOptions extends ImageFacts {
  /** Of the repository, built. */
  readonly root: string;
  readonly architectures: readonly Architecture[];
  /** What is in it is replaced. */
  readonly out: string;
}

export interface MadeImage {
  readonly index: Descriptor;
  readonly images: readonly WrittenImage[];
  /** Paths of files to publish. */
  readonly files: readonly string[];
}

const HOME = 'opt/layover';

/** Builds the container image of each architecture from Debian and npm packages; no program of the image runs. */
export async function makeImage(options: MakeImageOptions): Promise<MadeImage> {
  const { out, architectures, version, epoch } = options;
  await mkdir(out, { recursive: true });
  const layout = await OciLayout.create(join(out, 'oci'), options);
  const images: WrittenImage[] = [];
  const files: string[] = [];
  for (const architecture of architectures) {
    const { layers, sbom } = await imageContent(architecture, options);
    const image = await layout.addImage(architecture, layers);
    const name = join(out, `layover-${version}-linux-${architecture}`);
    await writeArchive(await archiveEntries(image, layout.directory, version), `${name}.image.tar`, epoch);
    await writeFile(`${name}.cdx.json`, sbom);
    images.push(image);
    files.push(`${name}.image.tar`, `${name}.cdx.json`);
  }
  return { index: await layout.finish(images), images, files };
}

/** What changes least is the lowest layer. */
async function imageContent(architecture: Architecture, { root, version, epoch }: MakeImageOptions) {
  const base = await createBaseSystem({ architecture, into: join(stageOf(root, architecture), 'debian') });
  const app = await stageApplication(root, architecture);
  const facts = { architecture, version, epoch, distribution: base.distribution };
  const sbom = createSbom({ ...facts, debian: base.packages, npm: app.installed });
  const layers = [
    base.entries,
    moved([app.node], (path) => `usr/bin/${path}`),
    atHome(app.packages),
    [...programOf(app.program), file(`${HOME}/sbom.cdx.json`, sbom)],
  ];
  return { layers, sbom };
}

/** `config/docker.yml` is what is served without a configuration. */
function programOf(program: readonly Entry[]): Entry[] {
  const served = program.find(({ path }) => path === 'config/docker.yml');
  if (served === undefined) throw new Error('config/docker.yml is missing');
  const without = program.filter(({ path }) => path !== 'config/default.yml');
  return [
    ...atHome([...without, { ...served, path: 'config/default.yml' }]),
    link('usr/bin/layover', `/${HOME}/dist/main.js`),
    link('usr/bin/registry', `/${HOME}/dist/main.js`),
  ];
}

function atHome(entries: readonly Entry[]): Entry[] {
  return moved(entries, (path) => `${HOME}/${path}`);
}
