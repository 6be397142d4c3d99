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

/** A manifest as an upstream sent it. */
export interface PulledManifest {
  /** Served unchanged. */
  readonly manifest: Manifest;
  /** @throws {RegistryError} for bytes that are not a manifest: they are served, and not stored */
  readonly reading: () => ManifestReading;
}

/**
 * Verifies the bytes. Those of a digest that the client or the upstream named are accepted with any content; otherwise they must be a
 * manifest, as gateways respond with HTML pages.
 *
 * The media type is the upstream's when it is a known one, as a `HEAD` returns it before there are bytes. Otherwise it is that of the bytes,
 * if a manifest may have it: clients, which may be browsers, never get a type that the upstream invented.
 *
 * @param claimedDigest absent when `digest` was computed from the bytes
 * @throws {UpstreamError} `protocol`
 */
export function readPulled(
  upstream: string,
  digest: Digest,
  { bytes, mediaType: label, claimedDigest }: FetchedManifest,
): PulledManifest {
  const actual = digestOf(bytes, digestAlgorithm(digest));
  if (actual !== digest)
    throw new UpstreamError('protocol', `${upstream}: requested ${digest}, received ${actual}`, { upstream });
  const reading = tryReading(bytes);
  if (reading instanceof RegistryError && claimedDigest !== digest) {
    throw new UpstreamError('protocol', `${upstream}: ${digest} is not a manifest`, { upstream, cause: reading });
  }
  const ownType = reading instanceof RegistryError ? OCTET_STREAM : reading.manifest.mediaType;
  const mediaType = isKnown(label) ? label : ownType;
  return {
    manifest: { bytes, digest, size: bytes.length, mediaType },
    reading: () => {
      if (reading instanceof RegistryError) throw reading;
      return reading;
    },
  };
}

/** Whether a `HEAD` describes the manifest like a `GET`; otherwise it must be fetched. */
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
