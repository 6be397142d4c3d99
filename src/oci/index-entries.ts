import type { ManifestDescriptor } from './descriptor.ts';
import { isDigest } from './digest.ts';
import { type Decoded, decodeGoJson } from './go-json.ts';
import { MANIFEST_FIELDS } from './manifest-structure.ts';

/**
 * The entries of an image index, read leniently like every manifest. Entries that are not valid descriptors are left out.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` when the bytes are not a JSON object
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export function readIndexEntries(bytes: Uint8Array): ManifestDescriptor[] {
  const { manifests } = decodeGoJson(bytes, MANIFEST_FIELDS, { findDuplicates: false }).value;
  return Array.isArray(manifests) ? manifests.flatMap((entry: Decoded | null) => toDescriptor(entry ?? {})) : [];
}

/** @returns an empty list for an invalid descriptor */
function toDescriptor({ mediaType, digest, size, artifactType, annotations, platform }: Decoded): ManifestDescriptor[] {
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return [];
  if (typeof size !== 'number' || size < 0) return [];
  return [
    {
      mediaType,
      digest,
      size,
      ...(typeof artifactType === 'string' && { artifactType }),
      ...(isRecord(annotations) && { annotations: annotations as Record<string, string> }),
      ...(isRecord(platform) && { platform }),
    },
  ];
}

function isRecord(value: unknown): value is Decoded {
  return typeof value === 'object' && value !== null;
}
