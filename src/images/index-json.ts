import type { ManifestDescriptor } from '../oci/descriptor.ts';
import { isDigest } from '../oci/digest.ts';
import { decodeGoJson } from '../oci/go-json.ts';
import { parseManifest } from '../oci/manifest.ts';
import { MANIFEST_FIELDS } from '../oci/manifest-structure.ts';
import { OCI_INDEX } from '../oci/media-types.ts';
import { isDigestTag } from './digest-tags.ts';
import { ImageError } from './image-error.ts';
import type { ImageManifest } from './image-source.ts';

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
const REF_NAME = 'org.opencontainers.image.ref.name';
/** containerd and docker write the full name here, and only the tag to {@link REF_NAME}. */
const FULL_NAME = 'io.containerd.image.name';

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#oci-layout-file */
export const OCI_LAYOUT = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

const MAX_ENTRIES = 10_000;

/**
 * The entries of an `index.json`, or of another index.
 *
 * @throws {ImageError} when it is not an index
 */
export function listedManifests(bytes: Uint8Array, name: string): ManifestDescriptor[] {
  const { manifests } = indexObject(bytes, name);
  if (!Array.isArray(manifests)) throw new ImageError(`${name}: the index lists no manifests`);
  if (manifests.length > MAX_ENTRIES)
    throw new ImageError(`${name}: refused, the index has ${manifests.length} entries`);
  return manifests.map((entry: unknown) => {
    if (!isDescriptor(entry)) throw new ImageError(`${name}: the index has an entry that is not a descriptor`);
    return entry;
  });
}

/**
 * The whole object, to write it again.
 *
 * @throws {ImageError} also when clients could read it differently
 */
export function indexObject(bytes: Uint8Array, name: string): Readonly<Record<string, unknown>> {
  let ambiguity: string | undefined;
  let index: unknown;
  try {
    ({ ambiguity } = decodeGoJson(bytes, MANIFEST_FIELDS, { findDuplicates: true }));
    index = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch (cause) {
    throw new ImageError(`${name}: the index is not JSON`, { cause });
  }
  if (ambiguity !== undefined) throw new ImageError(`${name}: refused, in the index ${ambiguity}`);
  return isObject(index) ? index : {};
}

function isDescriptor(value: unknown): value is ManifestDescriptor {
  if (!isObject(value)) return false;
  const { mediaType, digest, size, annotations, platform, artifactType } = value;
  const isText = typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest);
  const isOptional = (part: unknown) => part === undefined || isObject(part);
  const hasType = artifactType === undefined || typeof artifactType === 'string';
  return (
    isText &&
    Number.isSafeInteger(size) &&
    Number(size) >= 0 &&
    isOptional(annotations) &&
    isOptional(platform) &&
    hasType
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names of an entry, the shortest first. */
export function namesOf({ annotations }: ManifestDescriptor): string[] {
  return [annotations?.[REF_NAME], annotations?.[FULL_NAME]].filter((name) => typeof name === 'string');
}

/** The tags of an entry: a name without its repository. */
export function tagsOf(entry: ManifestDescriptor): string[] {
  return namesOf(entry).map((name) => name.slice(name.lastIndexOf(':') + 1));
}

/**
 * Finds an entry by name, by digest, or the only one.
 *
 * @throws {ImageError} that lists the entries
 */
export function chooseEntry(
  entries: readonly ManifestDescriptor[],
  wanted: { readonly name: string | undefined; readonly digest: string | undefined },
  layout: string,
): ManifestDescriptor {
  const named = entries.filter((entry) => wanted.name === undefined || namesOf(entry).includes(wanted.name));
  const found = named.filter(({ digest }) => wanted.digest === undefined || digest === wanted.digest);
  // Without a name or digest, an image is meant and not its referrers.
  const isAny = wanted.name === undefined && wanted.digest === undefined;
  const [first, ...others] = isAny ? found.filter((entry) => !isAttached(entry)) : found;
  if (first && others.every(({ digest }) => digest === first.digest)) return first;
  const known = entries.map((entry) => namesOf(entry)[0] ?? entry.digest).slice(0, 20);
  const problem = first
    ? 'contains more than one image; name one of'
    : `no ${wanted.name ?? wanted.digest ?? 'image'}; it contains`;
  throw new ImageError(`${layout}: ${problem} ${known.join(', ') || 'nothing'}`);
}

function isAttached(entry: ManifestDescriptor): boolean {
  const tags = tagsOf(entry);
  return tags.length === 0 ? entry.artifactType !== undefined : tags.every(isDigestTag);
}

/** Adds an entry to an index.json; another entry with its name is removed. */
export function withEntry(entries: readonly ManifestDescriptor[], entry: ManifestDescriptor): ManifestDescriptor[] {
  const name = entry.annotations?.[REF_NAME];
  const kept = entries.filter((one) =>
    name === undefined ? one.digest !== entry.digest || namesOf(one).length > 0 : one.annotations?.[REF_NAME] !== name,
  );
  return name === undefined && kept.some(({ digest }) => digest === entry.digest) ? kept : [...kept, entry];
}

/** Names of an image in a layout. */
export interface LayoutNames {
  readonly tag: string | undefined;
  /** With its registry and repository. */
  readonly fullName: string | undefined;
}

/** The names of another tag of the same repository. */
export function namesWithTag({ tag: own, fullName }: LayoutNames, tag: string): LayoutNames {
  const full = fullName && `${fullName.slice(0, fullName.lastIndexOf(':'))}:${tag}`;
  return { tag: own === fullName ? (full ?? tag) : tag, fullName: full };
}

/** @param names undefined for an entry with only its digest */
export function entryOf({ mediaType, digest, size, bytes }: ImageManifest, names?: LayoutNames): ManifestDescriptor {
  const { artifactType, subject } = parseManifest(bytes);
  const annotations = {
    ...(names?.tag !== undefined && { [REF_NAME]: names.tag }),
    ...(names?.fullName !== undefined && { [FULL_NAME]: names.fullName }),
  };
  return {
    mediaType,
    digest,
    size,
    ...(subject && artifactType !== undefined && { artifactType }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

export function indexJson(entries: readonly ManifestDescriptor[]): Buffer {
  return Buffer.from(`${JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: entries }, null, 2)}\n`);
}
