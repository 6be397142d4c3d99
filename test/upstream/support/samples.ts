import { randomBytes } from 'node:crypto';

import { digestOf } from '../../../src/oci/digest.ts';
import type { Reference } from '../../../src/oci/reference.ts';

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, layers: [] }));
export const manifestDigest = digestOf(manifest);
export const LATEST: Reference = { kind: 'tag', tag: 'latest' };
export const BY_DIGEST: Reference = { kind: 'digest', digest: manifestDigest };

export const blob = randomBytes(300_000);
export const blobDigest = digestOf(blob);
