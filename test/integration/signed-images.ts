import type { Images, Manifest } from '../support/images.ts';
import { bytesContent } from '../support/content.ts';
import { MEDIA_TYPES } from '../support/media-types.ts';
import {
  BUNDLE,
  SIMPLE,
  type Signer,
  type SigningOptions,
  sigstoreBundle,
  simpleSigning,
} from '../signatures/material.ts';

const EMPTY = bytesContent(Buffer.from('{}'));

/** As cosign 1 and 2 sign it. @returns the manifest with the signature */
export function signByTag(
  images: Images,
  repository: string,
  { digest }: Pick<Manifest, 'digest'>,
  signer: Signer,
  options?: SigningOptions,
): Manifest {
  const { payload, annotations } = simpleSigning(signer, digest, options);
  const layer = images.addBlob(repository, bytesContent(payload));
  images.addBlob(repository, EMPTY);
  return images.addManifest(repository, `${digest.replace(':', '-')}.sig`, MEDIA_TYPES.oci.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.oci.manifest,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: EMPTY.digest, size: EMPTY.size },
    layers: [{ mediaType: SIMPLE, digest: layer.digest, size: layer.size, annotations }],
  });
}

/** As cosign 3 signs it. @returns the referrer */
export function signByReferrer(
  images: Images,
  repository: string,
  subject: Manifest,
  signer: Signer,
  options?: SigningOptions,
): Manifest {
  return attachBundle(images, repository, subject, sigstoreBundle(signer, subject.digest, options));
}

/** As cosign 2 attaches an attestation, by a tag. */
export function attachUnder(images: Images, repository: string, tag: string, bytes: Buffer): Manifest {
  const layer = images.addBlob(repository, bytesContent(bytes));
  images.addBlob(repository, EMPTY);
  return images.addManifest(repository, tag, MEDIA_TYPES.oci.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.oci.manifest,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: EMPTY.digest, size: EMPTY.size },
    layers: [{ mediaType: 'application/vnd.dsse.envelope.v1+json', digest: layer.digest, size: layer.size }],
  });
}

export function attachBundle(images: Images, repository: string, subject: Manifest, bytes: Buffer): Manifest {
  const bundle = images.addBlob(repository, bytesContent(bytes));
  images.addBlob(repository, EMPTY);
  const { mediaType, digest } = subject;
  const referrer = images.addManifest(repository, undefined, MEDIA_TYPES.oci.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.oci.manifest,
    artifactType: BUNDLE,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: EMPTY.digest, size: EMPTY.size },
    layers: [{ mediaType: BUNDLE, digest: bundle.digest, size: bundle.size }],
    subject: { mediaType, digest, size: subject.bytes.length },
  });
  const listed = images.referrers.get(digest) ?? [];
  const size = referrer.bytes.length;
  const described = { mediaType: referrer.mediaType, digest: referrer.digest, size, artifactType: BUNDLE };
  images.referrers.set(digest, [...listed, described]);
  return referrer;
}
