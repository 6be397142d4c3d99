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

/** Kind of a manifest, which decides which of its fields refer to content. */
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

/** The fields that are read from manifests, of all kinds. */
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

/** Result of {@link structureOf}. */
export interface FoundStructure {
  readonly structure: Structure;
  /** Why clients could take it for another kind. Absent when they cannot. */
  readonly conflict: string | undefined;
}

/**
 * Decides the kind of a manifest by its fields, and by its `mediaType` where these do not decide.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` when it has neither
 */
export function structureOf(value: Decoded): FoundStructure {
  const claimed = STRUCTURE_OF[typeof value.mediaType === 'string' ? value.mediaType : ''];
  const structure = structureByFields(value) ?? claimed ?? emptyStructure(value);
  if (!structure) throw new RegistryError('MANIFEST_INVALID', 'not a manifest: neither an index nor an image');
  const isBoth = isIndex(value) && isImage(value);
  if (isBoth) return { structure: claimed ?? structure, conflict: 'both an index and an image' };
  const isOther = claimed !== undefined && claimed !== structure;
  return { structure, conflict: isOther ? `its fields do not match ${String(value.mediaType)}` : undefined };
}

function structureByFields(value: Decoded): Structure | undefined {
  if (value.schemaVersion === 1) return 'schema1';
  if (isIndex(value)) return 'index';
  return isImage(value) ? 'image' : undefined;
}

/** For a manifest without entries: Go writes an empty list as null. */
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
