import { RegistryError } from './errors.ts';
import { type Decoded, fieldsOf, type Shape } from './go-json.ts';
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts';

export type Structure = 'index' | 'image' | 'artifact' | 'schema1';

const STRUCTURE_OF: Readonly<Record<string, Structure>> = {
  [OCI_INDEX]: 'index',
  [DOCKER_MANIFEST_LIST]: 'index',
  [OCI_MANIFEST]: 'image',
  [DOCKER_MANIFEST]: 'image',
  [OCI_ARTIFACT_MANIFEST]: 'artifact',
  [DOCKER_SCHEMA1]: 'schema1',
  [DOCKER_SCHEMA1_SIGNED]: 'schema1',
};

const TEXT: Shape = { is: 'text' };
const FEATURES: Shape = { is: 'list', of: TEXT, entry: 'a feature' };

const PLATFORM: Shape = {
  is: 'struct',
  pointer: true,
  fields: fieldsOf({
    architecture: TEXT,
    os: TEXT,
    'os.version': TEXT,
    'os.features': FEATURES,
    variant: TEXT,
    features: FEATURES,
  }),
};

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
const DESCRIPTOR = fieldsOf({
  mediaType: TEXT,
  digest: TEXT,
  size: { is: 'integer' },
  urls: { is: 'list', of: TEXT, entry: 'a URL' },
  annotations: { is: 'texts-by-key' },
  data: { is: 'presence' },
  platform: PLATFORM,
  artifactType: TEXT,
});

const DESCRIPTORS: Shape = { is: 'list', of: { is: 'struct', fields: DESCRIPTOR }, entry: 'a descriptor' };

/** What is read of a manifest of any kind. */
export const MANIFEST_FIELDS = fieldsOf({
  schemaVersion: { is: 'integer' },
  mediaType: TEXT,
  artifactType: TEXT,
  config: { is: 'struct', fields: DESCRIPTOR },
  layers: DESCRIPTORS,
  manifests: DESCRIPTORS,
  blobs: DESCRIPTORS,
  subject: { is: 'struct', fields: DESCRIPTOR, pointer: true },
  annotations: { is: 'texts-by-key' },
  fsLayers: { is: 'list', of: { is: 'struct', fields: fieldsOf({ blobSum: TEXT }) }, entry: 'a layer' },
  signatures: { is: 'presence' },
});

export interface FoundStructure {
  readonly structure: Structure;
  /** Why it could be taken for another kind. */
  readonly conflict: string | undefined;
}

/** @throws {RegistryError} `MANIFEST_INVALID` when there is nothing of a manifest in it */
export function structureOf(value: Decoded): FoundStructure {
  const claimed = STRUCTURE_OF[typeof value.mediaType === 'string' ? value.mediaType : ''];
  const seen = seenStructure(value);
  const structure = seen ?? claimed ?? emptyStructure(value);
  if (!structure) throw new RegistryError('MANIFEST_INVALID', 'not a manifest: neither an index nor an image');
  const isBoth = isIndex(value) && isImage(value);
  if (isBoth) return { structure: claimed ?? structure, conflict: 'both an index and an image' };
  const isOther = claimed !== undefined && claimed !== structure;
  return { structure, conflict: isOther ? `${String(value.mediaType)} does not look like this` : undefined };
}

function seenStructure(value: Decoded): Structure | undefined {
  if (value.schemaVersion === 1) return 'schema1';
  if (isIndex(value)) return 'index';
  return isImage(value) ? 'image' : undefined;
}

/** Go writes a list without entries as null. */
function emptyStructure({ manifests, layers }: Decoded): Structure | undefined {
  if (manifests === null) return 'index';
  return layers === null ? 'image' : undefined;
}

function isIndex({ manifests }: Decoded): boolean {
  return Array.isArray(manifests);
}

function isImage({ config, layers }: Decoded): boolean {
  return config !== undefined || Array.isArray(layers);
}
