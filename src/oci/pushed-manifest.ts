import { RegistryError } from './errors.ts';
import { type ManifestJson, type ParsedManifest, parseManifestJson, readManifest } from './manifest.ts';
import {
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts';

/** As RFC 6838, section 4.2, has it; a manifest is served with it, so it is none that a browser would show or run. */
const MEDIA_TYPE = /^application\/(?:vnd\.[\w!#$&^.+-]{1,120}|[\w!#$&^.+-]{0,120}json)$/;
const SCHEMA1: readonly string[] = [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED];

/**
 * Reads a manifest that a client pushes: what is served is taken as it is, but nothing is taken that could be understood in two ways.
 *
 * @param contentType without parameters; undefined: the manifest speaks for itself
 * @throws {RegistryError} `MANIFEST_INVALID` with the reason
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
 */
export function parsePushedManifest(bytes: Uint8Array, contentType: string | undefined): ParsedManifest {
  const json = parseManifestJson(bytes);
  const manifest = readManifest(json);
  const { mediaType } = manifest;
  if (contentType !== undefined && contentType.toLowerCase() !== mediaType.toLowerCase()) {
    throw invalid(`the Content-Type is ${JSON.stringify(contentType.slice(0, 200))}, but ${saidType(json, mediaType)}`);
  }
  if (SCHEMA1.includes(mediaType)) throw invalid('schema 1 is not taken any more');
  if (!MEDIA_TYPE.test(mediaType)) throw invalid(`${JSON.stringify(mediaType.slice(0, 200))} is no type of a manifest`);
  if (json.schemaVersion !== 2 && mediaType !== OCI_ARTIFACT_MANIFEST) throw invalid('the schemaVersion is not 2');
  return manifest;
}

function saidType({ mediaType }: ManifestJson, actual: string): string {
  if (mediaType !== undefined) return `the manifest says it is ${JSON.stringify(actual.slice(0, 200))}`;
  return `the manifest has no mediaType: only ${OCI_MANIFEST} and ${OCI_INDEX} can do without`;
}

function invalid(reason: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `manifest invalid: ${reason}`);
}
