import { type Descriptor, OCTET_STREAM } from './descriptor.ts';
import { isDigest } from './digest.ts';
import { RegistryError } from './errors.ts';
import { type Decoded, decodeGoJson } from './go-json.ts';
import { MANIFEST_FIELDS, type Structure, structureOf } from './manifest-structure.ts';
import { DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, isManifestMediaType, OCI_INDEX, OCI_MANIFEST } from './media-types.ts';

/** What we need to know of a manifest; its bytes are what is stored and served. */
export interface ParsedManifest {
  /** Its own `mediaType`; if it has none, as its structure suggests; `application/octet-stream` for one that no manifest can have. */
  readonly mediaType: string;
  /** What this manifest is attached to. */
  readonly subject?: Descriptor;
  /** As a referrers list shows it: for an image manifest without one, the media type of its config. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What it is made of, in its own order; the subject is not part of it. */
  readonly references: readonly ManifestReference[];
}

export interface ManifestReference extends Descriptor {
  readonly kind: 'config' | 'layer' | 'manifest';
  readonly platform?: Readonly<Record<string, unknown>>;
  /** Where else it can be had. */
  readonly urls?: readonly string[];
  /** Its content stands in the descriptor (`data`). */
  readonly isEmbedded?: true;
}

/** A manifest of any quality: what is stored or comes from an upstream is read, not judged. */
export interface ManifestReading {
  /** Descriptors without a digest that we can compute are left out; a size that is missing is 0. */
  readonly manifest: ParsedManifest;
  readonly structure: Structure;
  readonly schemaVersion: number | undefined;
  /** Its own `mediaType`, whatever it is. Absent when it has none. */
  readonly claimedType?: string;
  /** Why it is not a manifest as the specification has it. Absent when it is one. */
  readonly flaw?: string;
  /** Why clients may read it in different ways. Absent when they do not. */
  readonly ambiguity?: string;
}

export interface ReadManifestOptions {
  /** Look for duplicate keys also where nothing is of interest to us. @default false */
  readonly findDuplicates?: boolean;
}

/**
 * Reads a manifest of any kind, as clients written in Go read it. Its own `mediaType` says which kind it is, else its structure does.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` for everything that is not a manifest, or could be taken for two kinds (CVE-2021-41190)
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export function parseManifest(bytes: Uint8Array): ParsedManifest {
  const { manifest, flaw } = readManifest(bytes);
  if (flaw !== undefined) throw invalid(flaw);
  return manifest;
}

/**
 * As {@link parseManifest}, but takes every JSON object that has anything of a manifest.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` for what has nothing of a manifest
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
  const unservable = isServable ? undefined : `${quoted(claimedType)} is no type of a manifest`;
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

/** Image-spec 1.1, "Listing Referrers" of the distribution spec: an index without one has none. */
function configType(value: Decoded, structure: Structure): string | undefined {
  return structure === 'image' ? textOf((value.config as Decoded | undefined)?.mediaType) : undefined;
}

/** Keeps the first thing that is wrong with any of the descriptors. */
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

  /** Of what could be taken for several kinds. */
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
    if (!isSized) this.flaw ??= `${digest} without a size`;
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

/** Schema 1 does not say how large its layers are. */
function schema1Layer(layer: unknown): Decoded {
  return { digest: (layer as Decoded | null)?.blobSum, size: 0 };
}

/** A list that is null or absent is empty, as for Go. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Undefined when it is absent or empty. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** It is kept beside the bytes for as long as these are, and is not to hold them a second time. */
function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}

function invalid(reason: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `not a manifest: ${reason}`);
}
