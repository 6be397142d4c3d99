import { type Descriptor, OCTET_STREAM } from './descriptor.ts';
import { isDigest } from './digest.ts';
import { RegistryError } from './errors.ts';
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts';

/** What we need to know of a manifest; its bytes are what is stored and served. */
export interface ParsedManifest {
  readonly mediaType: string;
  /** What this manifest is attached to. */
  readonly subject?: Descriptor;
  /** As a referrers list shows it: for an image manifest without one, the media type of its config. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What it is made of, in its own order; the subject is no part of it. */
  readonly references: readonly ManifestReference[];
}

/** A manifest before anybody has looked at what it says. */
export type ManifestJson = Readonly<Record<string, unknown>>;

export interface ManifestReference extends Descriptor {
  readonly kind: 'config' | 'layer' | 'manifest';
  readonly platform?: Readonly<Record<string, unknown>>;
  /** Where else it can be had. */
  readonly urls?: readonly string[];
}

type Structure = 'index' | 'image' | 'artifact' | 'schema1';
type Json = ManifestJson;

const STRUCTURE_OF: Readonly<Record<string, Structure>> = {
  [OCI_INDEX]: 'index',
  [DOCKER_MANIFEST_LIST]: 'index',
  [OCI_MANIFEST]: 'image',
  [DOCKER_MANIFEST]: 'image',
  [OCI_ARTIFACT_MANIFEST]: 'artifact',
  [DOCKER_SCHEMA1]: 'schema1',
  [DOCKER_SCHEMA1_SIGNED]: 'schema1',
};

/**
 * Reads a manifest of any kind. Its own `mediaType` says which, else its structure does.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` for everything that is no manifest, or could be taken for two kinds
 *   (CVE-2021-41190)
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export function parseManifest(bytes: Uint8Array): ParsedManifest {
  return readManifest(parseManifestJson(bytes));
}

/** @throws {RegistryError} as {@link parseManifest} */
export function readManifest(manifest: ManifestJson): ParsedManifest {
  const structure = structureOf(manifest);
  const claimed = textOf(manifest, 'mediaType');
  const expected = claimed === undefined ? undefined : STRUCTURE_OF[claimed];
  if (expected && expected !== structure) throw invalid(`${claimed} does not look like this`);
  const artifactType = textOf(manifest, 'artifactType') ?? configType(manifest, structure);
  const annotations = annotationsOf(manifest);
  return {
    mediaType: claimed ?? defaultMediaType(manifest, structure),
    references: referencesOf(manifest, structure),
    ...(present(manifest.subject) && { subject: descriptorOf(manifest.subject) }),
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  };
}

/** @throws {RegistryError} `MANIFEST_INVALID` for what is no JSON object */
export function parseManifestJson(bytes: Uint8Array): ManifestJson {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  } catch (cause) {
    throw invalid('not JSON', cause);
  }
  return objectOf(value);
}

function structureOf(manifest: Json): Structure {
  if (manifest.schemaVersion === 1) return 'schema1';
  const isIndex = Array.isArray(manifest.manifests);
  const isImage = present(manifest.config) || present(manifest.layers);
  if (isIndex && isImage) throw invalid('both an index and an image');
  if (isIndex) return 'index';
  if (isImage) return 'image';
  if (manifest.mediaType === OCI_ARTIFACT_MANIFEST) return 'artifact';
  throw invalid('neither an index nor an image');
}

function defaultMediaType(manifest: Json, structure: Structure): string {
  if (structure === 'schema1') return present(manifest.signatures) ? DOCKER_SCHEMA1_SIGNED : DOCKER_SCHEMA1;
  return structure === 'index' ? OCI_INDEX : OCI_MANIFEST;
}

function referencesOf(manifest: Json, structure: Structure): ManifestReference[] {
  switch (structure) {
    case 'index':
      return listOf(manifest.manifests).map((entry) => ({
        ...descriptorOf(entry),
        ...platformOf(entry),
        ...urlsOf(entry),
        kind: 'manifest',
      }));
    case 'image':
      return [{ ...descriptorOf(manifest.config), kind: 'config' }, ...layersOf(manifest.layers)];
    case 'artifact':
      return layersOf(manifest.blobs ?? []);
    case 'schema1':
      return listOf(manifest.fsLayers).map((entry) => ({ ...schema1Layer(objectOf(entry)), kind: 'layer' }));
  }
}

function layersOf(value: unknown): ManifestReference[] {
  return listOf(value).map((entry) => ({ ...descriptorOf(entry), ...urlsOf(entry), kind: 'layer' }));
}

/** Schema 1 does not say how large its layers are. */
function schema1Layer(layer: Json): Descriptor {
  return descriptorOf({ digest: layer.blobSum, size: 0 });
}

function descriptorOf(value: unknown): Descriptor {
  const descriptor = objectOf(value);
  const { digest, size } = descriptor;
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid('a descriptor without a valid digest');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid(`${digest} without a size`);
  return { mediaType: textOf(descriptor, 'mediaType') ?? OCTET_STREAM, digest, size };
}

function platformOf(entry: unknown): Pick<ManifestReference, 'platform'> {
  const { platform } = objectOf(entry);
  return present(platform) ? { platform: objectOf(platform) } : {};
}

function urlsOf(entry: unknown): Pick<ManifestReference, 'urls'> {
  const { urls } = objectOf(entry);
  if (!present(urls)) return {};
  return {
    urls: listOf(urls).map((url) => {
      if (typeof url !== 'string') throw invalid('a URL that is not text');
      return url;
    }),
  };
}

/** Image-spec 1.1, "Listing Referrers" of the distribution spec: an index without one has none. */
function configType(manifest: Json, structure: Structure): string | undefined {
  return structure === 'image' ? textOf(objectOf(manifest.config), 'mediaType') : undefined;
}

function annotationsOf({ annotations }: Json): Record<string, string> | undefined {
  if (!present(annotations)) return undefined;
  const entries = Object.entries(objectOf(annotations));
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (typeof value !== 'string') throw invalid('an annotation that is not text');
      return [key, value];
    }),
  );
}

/** Undefined when it is absent or empty. */
function textOf(object: Json, key: string): string | undefined {
  const value = object[key];
  if (!present(value) || value === '') return undefined;
  if (typeof value !== 'string') throw invalid(`${key} is not text`);
  return value;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid('a list is missing');
  return value;
}

function objectOf(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('an object is missing');
  return value as Json;
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function invalid(reason: string, cause?: unknown): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `not a manifest: ${reason}`, cause === undefined ? {} : { cause });
}
