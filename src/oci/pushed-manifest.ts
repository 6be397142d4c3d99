import { RegistryError } from './errors.ts';
import { type ManifestReading, type ParsedManifest, readManifest } from './manifest.ts';
import {
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts';

const SCHEMA1: readonly string[] = [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED];

/**
 * Parses a manifest that a client pushes, and rejects one that clients could interpret differently. Clients written in Go
 * ignore the case of keys and use the last duplicate, others do not.
 *
 * @param contentType without parameters. Absent: the manifest's own `mediaType` decides
 * @throws {RegistryError} `MANIFEST_INVALID` with the reason
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
 */
export function parsePushedManifest(bytes: Uint8Array, contentType: string | undefined): ParsedManifest {
  const reading = readManifest(bytes, { findDuplicates: true });
  const { manifest, claimedType, flaw, ambiguity, schemaVersion } = reading;
  const reason = flaw ?? ambiguity;
  if (reason !== undefined) throw invalid(reason);
  const { mediaType } = manifest;
  if (contentType !== undefined && contentType.toLowerCase() !== mediaType.toLowerCase()) {
    throw invalid(`the Content-Type is ${quoted(contentType)}, but ${describeType(claimedType)}`);
  }
  if (SCHEMA1.includes(mediaType)) throw invalid('schema 1 is not supported (push schema 2 or an OCI manifest)');
  if (schemaVersion !== 2 && mediaType !== OCI_ARTIFACT_MANIFEST) throw invalid('the schemaVersion is not 2');
  return manifest;
}

function describeType(claimedType: ManifestReading['claimedType']): string {
  if (claimedType !== undefined) return `the manifest's mediaType is ${quoted(claimedType)}`;
  return `the manifest has no mediaType, which is optional only for ${OCI_MANIFEST} and ${OCI_INDEX}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}

function invalid(reason: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `manifest invalid: ${reason}`);
}
