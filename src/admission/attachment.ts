import { type Digest, isDigest } from '../oci/digest.ts';
import { type ManifestReading, type ManifestReference, readManifest } from '../oci/manifest.ts';
import { OCI_INDEX } from '../oci/media-types.ts';

/** Content of signatures, attestations and bills of materials: nothing that a container engine unpacks. */
const ATTACHED: readonly RegExp[] = [
  /^application\/vnd\.dev\.cosign\.simplesigning\.v1\+json$/,
  /^application\/vnd\.dev\.sigstore\.bundle(?:\+json;version=0\.[12]|\.v0\.3\+json)$/,
  /^application\/vnd\.(?:dsse\.envelope\.v1|in-toto|syft|cyclonedx)\+json$/,
  /^application\/vnd\.cyclonedx\+xml$/,
  /^(?:application|text)\/spdx(?:\+json|\+xml)?$/,
  /^application\/(?:jose\+json|cose)$/,
  /^application\/vnd\.oci\.empty\.v1\+json$/,
  /^application\/vnd\.cncf\.notary\.signature$/,
];
/** A digest as a tag, of cosign or of the referrers tag schema. */
const DIGEST_TAG = /^(sha256)-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?$|^(sha512)-([0-9a-f]{128})\.(?:sig|att|sbom)$/;

/** The manifest that content under a digest tag is attached to. Absent for other tags. */
export function subjectOfTag(tag: string): Digest | undefined {
  const [, short, shortHex, long, longHex] = DIGEST_TAG.exec(tag) ?? [];
  const digest = `${short ?? long}:${shortHex ?? longHex}`;
  return isDigest(digest) ? digest : undefined;
}

/**
 * Whether a manifest has only content of attachments: it is admitted with the image that it is attached to. One with layers of an image is
 * not, whatever its subject.
 */
export function isAttachment(bytes: Uint8Array): boolean {
  const references = referencesOf(bytes);
  const layers = references.filter(({ kind }) => kind === 'layer');
  const isManifest = references.every(({ kind }) => kind !== 'manifest');
  return isManifest && layers.length > 0 && layers.every(isAttached);
}

/**
 * The manifest that an attachment is attached to. Absent when it names none, and when its config could be that of an image: anyone who can
 * push can name a subject, and a container engine that ignores the types of layers must not run it.
 */
export function subjectOf(bytes: Uint8Array): Digest | undefined {
  const hasConfig = referencesOf(bytes).every((reference) => reference.kind !== 'config' || isAttached(reference));
  return hasConfig && isAttachment(bytes) ? tryReading(bytes)?.manifest.subject?.digest : undefined;
}

function isAttached({ mediaType }: Pick<ManifestReference, 'mediaType'>): boolean {
  return ATTACHED.some((type) => type.test(mediaType));
}

/** Empty for bytes that could be read in two manners. */
function referencesOf(bytes: Uint8Array): readonly ManifestReference[] {
  const reading = tryReading(bytes);
  return reading && reading.ambiguity === undefined ? reading.manifest.references : [];
}

/** Whether a manifest is a list of referrers, of the tag schema. Its images are not admitted with it. */
export function isReferrersList(bytes: Uint8Array): boolean {
  const reading = tryReading(bytes);
  return reading?.ambiguity === undefined && reading?.manifest.mediaType === OCI_INDEX;
}

function tryReading(bytes: Uint8Array): ManifestReading | undefined {
  try {
    return readManifest(bytes);
  } catch {
    return undefined; // anything can be served
  }
}
