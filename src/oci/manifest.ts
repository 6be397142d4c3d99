import { type Descriptor, OCTET_STREAM } from './descriptor.ts';
import { isDigest } from './digest.ts';
import { RegistryError } from './errors.ts';
import { type Decoded, decodeGoJson } from './go-json.ts';
import { MANIFEST_FIELDS, type Structure, structureOf } from './manifest-structure.ts';
import { DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, isManifestMediaType, OCI_INDEX, OCI_MANIFEST } from './media-types.ts';

/** The parts of a manifest that a registry needs. Its bytes, not this, are stored and served. */
export interface ParsedManifest {
  /** Its own `mediaType`; the default of its structure when it has none; `application/octet-stream` when it is not a manifest's. */
  readonly mediaType: string;
  /** The manifest that this one is attached to. Absent when there is none. */
  readonly subject?: Descriptor;
  /** As in a referrers list: the media type of the config for an image manifest without its own. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Config, layers or manifests, in the manifest's order; without the subject. */
  readonly references: readonly ManifestReference[];
}

/** Content that a manifest consists of. */
export interface ManifestReference extends Descriptor {
  readonly kind: 'config' | 'layer' | 'manifest';
  readonly platform?: Readonly<Record<string, unknown>>;
  /** Other locations of the content. */
  readonly urls?: readonly string[];
  /** The descriptor contains the content (`data`). */
  readonly isEmbedded?: true;
}

/** Result of {@link readManifest}: a manifest that may violate the specification. */
export interface ManifestReading {
  /** Descriptors without a valid digest are left out; a missing size is 0. */
  readonly manifest: ParsedManifest;
  readonly structure: Structure;
  readonly schemaVersion: number | undefined;
  /** Its own `mediaType`, valid or not. Absent when it has none. */
  readonly claimedType?: string;
  /** Why it violates the specification. Absent when it does not. */
  readonly flaw?: string;
  /** Why clients may interpret it differently. Absent when they do not. */
  readonly ambiguity?: string;
}

/** Options of {@link readManifest}. */
export interface ReadManifestOptions {
  /** Look for duplicate keys also in values that are not read. @default false */
  readonly findDuplicates?: boolean;
}

/**
 * Parses a manifest of any kind, as clients written in Go do. The kind follows from its `mediaType`, or from its fields.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` when it violates the specification, or could be taken for two kinds (CVE-2021-41190)
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export function parseManifest(bytes: Uint8Array): ParsedManifest {
  const { manifest, flaw } = readManifest(bytes);
  if (flaw !== undefined) throw invalid(flaw);
  return manifest;
}

/**
 * Reads a manifest leniently: like {@link parseManifest}, but violations are reported in the result.
 * For stored manifests and those of an upstream, which a registry must not judge.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` when the bytes are not a JSON object, or its kind cannot be determined
 */
export function readManifest(bytes: Uint8Array, { findDuplicates = false }: ReadManifestOptions = {}): ManifestReading {
  const { value, mismatch, ambiguity } = decodeGoJson(bytes, MANIFEST_FIELDS, { findDuplicates });
  const { structure, conflict } = structureOf(value);
  const reader = new DescriptorReader();
  const claimedType = textOf(value.mediaType);
  const isServable = claimedType === undefined || isManifestMediaType(claimedType);
  const references = conflict === undefined ? reader.references(value, structure) : reader.allReferences(value);
  const subject = isPresent(value.subject) ? reader.descriptor(value.subject) : undefined;
  const artifactType = textOf(value.artifactType) ?? configType(value, structure);
  const unservable = isServable ? undefined : `${quoted(claimedType)} is not a manifest media type`;
  const flaw = conflict ?? mismatch ?? reader.flaw ?? unservable;
  return {
    manifest: {
      mediaType: isServable ? copyOf(claimedType ?? defaultMediaType(value, structure)) : OCTET_STREAM,
      references,
      ...(subject && { subject }),
      ...(artifactType !== undefined && { artifactType }),
      ...(isPresent(value.annotations) && { annotations: value.annotations as Record<string, string> }),
    },
    structure,
    schemaVersion: value.schemaVersion as number | undefined,
    ...(claimedType !== undefined && { claimedType }),
    ...(flaw !== undefined && { flaw }),
    ...(ambiguity !== undefined && { ambiguity }),
  };
}

function defaultMediaType(value: Decoded, structure: Structure): string {
  if (structure === 'schema1') return value.signatures === true ? DOCKER_SCHEMA1_SIGNED : DOCKER_SCHEMA1;
  return structure === 'index' ? OCI_INDEX : OCI_MANIFEST;
}

/** An index without an `artifactType` has none: section "Listing Referrers" of the distribution spec. */
function configType(value: Decoded, structure: Structure): string | undefined {
  return structure === 'image' ? textOf((value.config as Decoded | undefined)?.mediaType) : undefined;
}

/** Reads descriptors, and keeps the first violation. */
class DescriptorReader {
  flaw: string | undefined;

  references(value: Decoded, structure: Structure): ManifestReference[] {
    switch (structure) {
      case 'index':
        return this.#list(value.manifests, 'manifest');
      case 'image':
        return [...this.#list([value.config ?? {}], 'config'), ...this.#list(value.layers, 'layer')];
      case 'artifact':
        return this.#list(value.blobs, 'layer');
      case 'schema1':
        return this.#list(listOf(value.fsLayers).map(schema1Layer), 'layer');
    }
  }

  /** For a manifest that could be taken for several kinds. */
  allReferences(value: Decoded): ManifestReference[] {
    return (['image', 'index', 'artifact', 'schema1'] as const).flatMap((structure) =>
      this.references(value, structure),
    );
  }

  descriptor(value: unknown): Descriptor | undefined {
    const { mediaType, digest, size } = value as Decoded;
    if (typeof digest !== 'string' || !isDigest(digest)) {
      this.flaw ??= 'a descriptor without a valid digest';
      return undefined;
    }
    const isSized = typeof size === 'number' && size >= 0;
    if (!isSized) this.flaw ??= `the descriptor of ${digest} has no valid size`;
    return { mediaType: textOf(mediaType) ?? OCTET_STREAM, digest, size: isSized ? size : 0 };
  }

  #list(values: unknown, kind: ManifestReference['kind']): ManifestReference[] {
    const references: ManifestReference[] = [];
    for (const value of listOf(values)) {
      const descriptor = this.descriptor(value ?? {});
      if (descriptor) references.push(toReference(descriptor, value as Decoded, kind));
    }
    return references;
  }
}

function toReference(
  { mediaType, digest, size }: Descriptor,
  { platform, urls, data }: Decoded,
  kind: ManifestReference['kind'],
): ManifestReference {
  const reference = { mediaType, digest, size, kind };
  if (!isPresent(platform) && !isPresent(urls) && data !== true) return reference;
  return {
    ...reference,
    ...(isPresent(platform) && { platform: platform as Decoded }),
    ...(isPresent(urls) && { urls: (urls as unknown[]).filter((url) => typeof url === 'string') }),
    ...(data === true && { isEmbedded: true }),
  };
}

/** Schema 1 has no sizes of layers. */
function schema1Layer(layer: unknown): Decoded {
  return { digest: (layer as Decoded | null)?.blobSum, size: 0 };
}

/** A list that is null or absent is empty, as in Go. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Undefined for an absent or empty text. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The result is cached together with the bytes: a copy does not keep the decoded bytes in memory a second time. */
function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}

function invalid(reason: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `not a manifest: ${reason}`);
}
