import { describe, expect, it } from 'vitest';

import { isAttachment, subjectOf, subjectOfTag } from '../../src/admission/attachment.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { BUNDLE, SIMPLE } from '../signatures/material.ts';

const digest = digestOf(Buffer.from('image'));
const EMPTY = 'application/vnd.oci.empty.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

function manifest(config: string, layers: readonly string[]): Buffer {
  const described = (mediaType: string) => ({ mediaType, digest, size: 1 });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const subject = described(mediaType);
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, config: described(config), layers: layers.map(described), subject }),
  );
}

describe('an attachment', () => {
  it('is admitted with its subject', () => {
    expect(subjectOf(manifest(EMPTY, [BUNDLE]))).toBe(digest);
  });

  it('is not a manifest with a layer of an image, or with the config of one', () => {
    expect(subjectOf(manifest(EMPTY, [BUNDLE, LAYER]))).toBeUndefined();
    expect(subjectOf(manifest(CONFIG, [BUNDLE]))).toBeUndefined();
    expect(subjectOf(manifest(EMPTY, []))).toBeUndefined();
    expect(isAttachment(manifest(CONFIG, [SIMPLE]))).toBe(true); // as cosign 1 writes it, under its tag
    expect(isAttachment(manifest(CONFIG, [LAYER]))).toBe(false);
    expect(isAttachment(Buffer.from('no JSON'))).toBe(false);
  });

  it('may be found by a tag that is the digest of its subject', () => {
    const hex = digest.slice(7);
    for (const suffix of ['', '.sig', '.att', '.sbom']) expect(subjectOfTag(`sha256-${hex}${suffix}`)).toBe(digest);
    for (const tag of ['latest', `sha256-${hex}.exe`, `sha256-${hex.slice(1)}`, `x-sha256-${hex}`])
      expect(subjectOfTag(tag)).toBeUndefined();
  });
});
