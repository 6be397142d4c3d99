import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

import { ed25519ph } from '@noble/curves/ed25519.js';

import type { ImageManifest } from '../../src/images/image-source.ts';
import type { ManifestDescriptor } from '../../src/oci/descriptor.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import type { SignatureSource } from '../../src/signatures/find-signatures.ts';

export interface Signer {
  readonly pem: string;
  readonly key: KeyObject;
  readonly sign: (bytes: Uint8Array) => Buffer;
}

const ec = (namedCurve: string, hash: string) => signerOf(generateKeyPairSync('ec', { namedCurve }), hash);

/** One of each algorithm that signers of images use. */
export const SIGNERS: Readonly<Record<string, () => Signer>> = {
  'EC P-256': () => ec('prime256v1', 'sha256'),
  'EC P-384 with SHA-384': () => ec('secp384r1', 'sha384'),
  'EC P-384 with SHA-256, as cosign 2': () => ec('secp384r1', 'sha256'),
  'EC P-521 with SHA-512': () => ec('secp521r1', 'sha512'),
  RSA: () => signerOf(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256'),
  Ed25519: () => signerOf(generateKeyPairSync('ed25519'), null),
  Ed25519ph: prehashed,
};

function signerOf(pair: { publicKey: KeyObject; privateKey: KeyObject }, hash: string | null): Signer {
  return {
    pem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    key: pair.publicKey,
    sign: (bytes) => sign(hash, bytes, pair.privateKey),
  };
}

function prehashed(): Signer {
  const pair = generateKeyPairSync('ed25519');
  const { d } = pair.privateKey.export({ format: 'jwk' });
  const secret = Buffer.from(d ?? '', 'base64url');
  return { ...signerOf(pair, null), sign: (bytes) => Buffer.from(ed25519ph.sign(bytes, secret)) };
}

export interface SigningOptions {
  /** Of the signed content. */
  readonly change?: (content: Record<string, unknown>) => void;
  /** Of the layer, the envelope or its bundle, after it was signed. */
  readonly forge?: (content: Record<string, unknown>) => void;
}

/** The payload of cosign 1 and 2, with the annotations of its layer. */
export function simpleSigning({ sign: signed }: Signer, digest: Digest, { change }: SigningOptions = {}) {
  const content = {
    critical: {
      identity: { 'docker-reference': 'registry.example/team/app' },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  };
  change?.(content);
  const payload = Buffer.from(JSON.stringify(content));
  return { payload, annotations: { 'dev.cosignproject.cosign/signature': signed(payload).toString('base64') } };
}

/** A bundle as cosign 3 writes it. */
export function sigstoreBundle(
  { sign: signed }: Signer,
  digest: Digest,
  { change, forge }: SigningOptions = {},
): Buffer {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: '', digest: { sha256: digest.slice(7) }, annotations: {} }],
    predicateType: 'https://sigstore.dev/cosign/sign/v1',
    predicate: {},
  };
  change?.(statement);
  const payload = Buffer.from(JSON.stringify(statement));
  const type = 'application/vnd.in-toto+json';
  const encoded = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'aGludA==' }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: type,
      signatures: [{ sig: signed(encoded).toString('base64'), keyid: '' }],
    },
  };
  forge?.(bundle);
  return Buffer.from(JSON.stringify(bundle));
}

export const SIMPLE = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

interface LayerContent {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly annotations?: object;
}

/** A repository with signatures of one image, without a registry. */
export class SignedImage implements SignatureSource {
  readonly name = 'registry.example/team/app:1';
  readonly digest = digestOf(Buffer.from('the manifest of the image'));
  readonly #tagged: ImageManifest[] = [];
  readonly #referrers = new Map<Digest, { readonly bytes: Buffer; readonly descriptor: ManifestDescriptor }>();
  readonly #blobs = new Map<Digest, Buffer>();

  addTagged(...layers: readonly { payload: Buffer; annotations: object }[]): void {
    this.#tagged.push(
      this.#manifest(layers.map(({ payload, annotations }) => ({ mediaType: SIMPLE, bytes: payload, annotations }))),
    );
  }

  addReferrer(bytes: Buffer, artifactType: string | undefined = BUNDLE): void {
    const { bytes: manifest, ...descriptor } = this.#manifest([{ mediaType: BUNDLE, bytes }]);
    this.#referrers.set(descriptor.digest, {
      bytes: manifest,
      descriptor: { ...descriptor, ...(artifactType !== undefined && { artifactType }) },
    });
  }

  /** What the registry returns for the blob from now on. */
  replaceBlob(digest: Digest, bytes: Buffer): void {
    this.#blobs.set(digest, bytes);
  }

  digestTags = async () => this.#tagged.map((manifest) => ({ tag: `${this.digest.replace(':', '-')}.sig`, manifest }));
  referrers = async () => [...this.#referrers.values()].map(({ descriptor }) => descriptor);
  manifest = async ({ digest }: { readonly digest: Digest }) => this.#referrers.get(digest)?.bytes ?? Buffer.alloc(0);

  async *blob({ digest }: { readonly digest: Digest }): AsyncGenerator<Uint8Array> {
    yield this.#blobs.get(digest) ?? Buffer.alloc(0);
  }

  #manifest(layers: readonly LayerContent[]): ImageManifest {
    const described = layers.map(({ mediaType, bytes, annotations }) => {
      const digest = digestOf(bytes);
      this.#blobs.set(digest, bytes);
      return { mediaType, digest, size: bytes.length, ...(annotations && { annotations }) };
    });
    const config = Buffer.from('{}');
    const content = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf(config), size: config.length },
      layers: described,
      annotations: { 'org.example.salt': createHash('sha256').update(JSON.stringify(described)).digest('hex') },
    };
    const bytes = Buffer.from(JSON.stringify(content));
    return { mediaType: content.mediaType, digest: digestOf(bytes), size: bytes.length, bytes };
  }
}
