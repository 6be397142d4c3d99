import type { Descriptor } from '../oci/descriptor.ts';
import { readConfig } from './copy.ts';
import type { ImageManifest, ImageSource } from './image-source.ts';
import { fetchManifest, readManifest } from './plan.ts';
import { matches, currentPlatform, type Platform, platformText } from './platform.ts';

/** Description of an image, without reading its layers. */
export interface ImageSummary {
  readonly name: string;
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes of the manifest. */
  readonly size: number;
  readonly artifactType?: string;
  readonly subject?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Absent when it is not an index. */
  readonly manifests?: readonly PlatformEntry[];
  /** In an index, of the image for the requested platform, or this machine's. */
  readonly image?: ImageDetails;
}

export interface PlatformEntry extends Descriptor {
  readonly platform?: string;
}

export interface ImageDetails {
  readonly digest: string;
  readonly platform?: string;
  readonly created?: string;
  readonly config: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
  /** Bytes of the layers, as they are transferred. */
  readonly layersSize: number;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: readonly string[];
  readonly workingDir?: string;
  readonly user?: string;
  readonly exposedPorts?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

/** @throws {ImageError} | {RegistryError} */
export async function summarise(source: ImageSource, platform: Platform | undefined): Promise<ImageSummary> {
  const root = await source.root();
  const { references, artifactType, subject, annotations } = readManifest(root, source.name);
  const entries = references.filter(({ kind }) => kind === 'manifest');
  const isIndex = entries.length > 0;
  const chosen = isIndex
    ? (entries.find((entry) => matches(platform ?? currentPlatform(), entry.platform)) ?? entries[0])
    : undefined;
  const image = chosen ? await fetchManifest(source, chosen) : root;
  return {
    name: source.name,
    digest: root.digest,
    mediaType: root.mediaType,
    size: root.size,
    ...(artifactType !== undefined && { artifactType }),
    ...(subject && { subject: subject.digest }),
    ...(annotations && { annotations }),
    ...(isIndex && { manifests: entries.map(({ platform: of, ...entry }) => ({ ...plain(entry), ...named(of) })) }),
    ...(isImage(image, source) && { image: await describeImage(source, image) }),
  };
}

function isImage(manifest: ImageManifest, source: ImageSource): boolean {
  return readManifest(manifest, source.name).references.some(({ kind }) => kind === 'config' || kind === 'layer');
}

async function describeImage(source: ImageSource, manifest: ImageManifest): Promise<ImageDetails> {
  const { references } = readManifest(manifest, source.name);
  const layers = references.filter(({ kind }) => kind === 'layer').map(plain);
  const config = references.find(({ kind }) => kind === 'config');
  const content = (await readConfig(source, manifest)) ?? {};
  return {
    digest: manifest.digest,
    ...named(content),
    ...(typeof content.created === 'string' && { created: content.created }),
    config: config && plain(config),
    layers,
    layersSize: layers.reduce((sum, { size }) => sum + size, 0),
    ...runtimeOf(content.config),
  };
}

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md */
function runtimeOf(value: unknown): Partial<ImageDetails> {
  if (typeof value !== 'object' || value === null) return {};
  const { Entrypoint, Cmd, Env, WorkingDir, User, ExposedPorts, Labels } = value as Readonly<Record<string, unknown>>;
  return {
    ...texts('entrypoint', Entrypoint),
    ...texts('cmd', Cmd),
    ...texts('env', Env),
    ...(typeof WorkingDir === 'string' && WorkingDir !== '' && { workingDir: WorkingDir }),
    ...(typeof User === 'string' && User !== '' && { user: User }),
    ...(isObject(ExposedPorts) && { exposedPorts: Object.keys(ExposedPorts) }),
    ...(isObject(Labels) && {
      labels: Object.fromEntries(Object.entries(Labels).map(([key, text]) => [key, String(text)])),
    }),
  };
}

function texts(key: 'entrypoint' | 'cmd' | 'env', value: unknown): Partial<ImageDetails> {
  return Array.isArray(value) && value.length > 0 ? { [key]: value.map(String) } : {};
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function named(platform: Readonly<Record<string, unknown>> | undefined): { readonly platform?: string } {
  const text = platformText(platform);
  return text === undefined ? {} : { platform: text };
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
