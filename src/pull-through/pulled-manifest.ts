import { OCTET_STREAM } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { type ManifestReading, readManifest } from '../oci/manifest.ts';
import { MANIFEST_MEDIA_TYPES } from '../oci/media-types.ts';
import {
  type FetchedManifest,
  MAX_MANIFEST_BYTES,
  type ResolvedManifest,
  UpstreamError,
} from '../upstream/upstream.ts';
import type { Manifest } from '../registry/registry.ts';

/** A manifest as it came from an upstream. */
export interface PulledManifest {
  /** Served byte for byte. */
  readonly manifest: Manifest;
  /** @throws {RegistryError} for what has nothing of a manifest: it is served, and not kept */
  readonly reading: () => ManifestReading;
}

/**
 * Verifies what came. Bytes of a digest that the client or the upstream named are right whatever is odd in them; where neither did, they
 * have to be a manifest, as gateways answer with pages of their own.
 *
 * The media type is that of the upstream where it is one of the known ones, as that is what a `HEAD` says before there are bytes. Else it is what the
 * bytes say, if a manifest may have that: a client, a browser among them, is never told a type that the upstream has made up.
 *
 * @param claimedDigest undefined: `digest` was computed from the bytes
 * @throws {UpstreamError} `protocol`
 */
export function readPulled(
  upstream: string,
  digest: Digest,
  { bytes, mediaType: label, claimedDigest }: FetchedManifest,
): PulledManifest {
  const actual = digestOf(bytes, digestAlgorithm(digest));
  if (actual !== digest)
    throw new UpstreamError('protocol', `${upstream}: asked for ${digest}, got ${actual}`, { upstream });
  const reading = tryReading(bytes);
  if (reading instanceof RegistryError && claimedDigest !== digest) {
    throw new UpstreamError('protocol', `${upstream}: ${digest} is not a manifest`, { upstream, cause: reading });
  }
  const said = reading instanceof RegistryError ? OCTET_STREAM : reading.manifest.mediaType;
  const mediaType = isKnown(label) ? label : said;
  return {
    manifest: { bytes, digest, size: bytes.length, mediaType },
    reading: () => {
      if (reading instanceof RegistryError) throw reading;
      return reading;
    },
  };
}

/** Whether a `HEAD` says what a `GET` will say; otherwise the manifest has to be fetched to describe it. */
export function isDescribed(head: ResolvedManifest): head is ResolvedManifest & { readonly size: number } {
  const { size, mediaType } = head;
  return size !== undefined && size > 0 && size <= MAX_MANIFEST_BYTES && isKnown(mediaType);
}

function isKnown(mediaType: string): boolean {
  return MANIFEST_MEDIA_TYPES.includes(mediaType);
}

function tryReading(bytes: Uint8Array): ManifestReading | RegistryError {
  try {
    return readManifest(bytes);
  } catch (err) {
    if (err instanceof RegistryError) return err;
    throw err;
  }
}
