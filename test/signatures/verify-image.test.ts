import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import { parseSigningKey } from '../../src/signatures/public-key.ts';
import { verifyImage } from '../../src/signatures/verify-image.ts';
import { SIGNERS, SignedImage, type Signer, sigstoreBundle, simpleSigning } from './material.ts';

const signer = (SIGNERS['EC P-256'] as () => Signer)();
const stranger = (SIGNERS['EC P-256'] as () => Signer)();
const other = digestOf(Buffer.from('another image'));

async function verdictOf(image: SignedImage, signers: Readonly<Record<string, Signer>> = { acme: signer }) {
  const authorities = Object.entries(signers).map(([name, { pem }]) => ({ name, key: parseSigningKey(pem, name) }));
  const { signal } = new AbortController();
  const { accepted, rejected } = await verifyImage(image, { digest: image.digest, authorities }, { signal });
  return [accepted.map(({ authority, format }) => `${authority} ${format}`), rejected.map(({ reason }) => reason)];
}

function imageWith(add: (image: SignedImage) => void): SignedImage {
  const image = new SignedImage();
  add(image);
  return image;
}

describe('a signature by key', () => {
  it.each(Object.keys(SIGNERS))('is verified for %s, by tag and by referrer', async (algorithm) => {
    const one = (SIGNERS[algorithm] as () => Signer)();
    const tagged = imageWith((image) => image.addTagged(simpleSigning(one, image.digest)));
    expect(await verdictOf(tagged, { one })).toEqual([['one cosign'], []]);
    expect(await verdictOf(tagged, { stranger })).toEqual([[], ['it is signed with another key']]);
    const referred = imageWith((image) => image.addReferrer(sigstoreBundle(one, image.digest)));
    expect(await verdictOf(referred, { one })).toEqual([['one sigstore bundle'], []]);
    expect(await verdictOf(referred, { stranger })).toEqual([[], ['it is signed with another key']]);
  });

  it('may be one of several, and is counted once for each key', async () => {
    const image = new SignedImage();
    image.addTagged(simpleSigning(stranger, image.digest), simpleSigning(signer, image.digest));
    image.addReferrer(sigstoreBundle(signer, image.digest));
    expect(await verdictOf(image)).toEqual([['acme cosign'], ['it is signed with another key']]);
    expect(await verdictOf(image, { acme: signer, stranger })).toEqual([['stranger cosign', 'acme cosign'], []]);
  });

  it('is not accepted when there is none', async () => {
    expect(await verdictOf(new SignedImage())).toEqual([[], []]);
  });

  it('is found where a registry lists no artifact type, and not among those of another type', async () => {
    const untyped = imageWith((image) => image.addReferrer(sigstoreBundle(signer, image.digest), undefined));
    expect(await verdictOf(untyped)).toEqual([['acme sigstore bundle'], []]);
    const typed = imageWith((image) => image.addReferrer(sigstoreBundle(signer, image.digest), 'application/sbom'));
    expect(await verdictOf(typed)).toEqual([[], []]);
  });
});

describe('a signature that was copied or forged', () => {
  it.each([
    ['of another image', simpleSigning(signer, other), `it signs ${other}`],
    [
      'of another kind of content',
      simpleSigning(signer, other, { change: (c) => Object.assign(c['critical'] as object, { type: 'a letter' }) }),
      'the payload is not a signature of an image',
    ],
    [
      'without "critical"',
      simpleSigning(signer, other, { change: (c) => delete c['critical'] }),
      '"critical" is missing',
    ],
    ['without its annotation', { ...simpleSigning(signer, other), annotations: {} }, 'the signature is not Base64'],
    [
      'that is not JSON',
      { ...simpleSigning(signer, other), payload: Buffer.from('{') },
      'the payload is not valid JSON',
    ],
  ])('%s is not accepted by tag', async (_, signature, reason) => {
    expect(await verdictOf(imageWith((image) => image.addTagged(signature)))).toEqual([[], [reason]]);
  });

  it('with a changed payload is not accepted', async () => {
    const image = new SignedImage();
    const { annotations } = simpleSigning(signer, other);
    image.addTagged({ ...simpleSigning(stranger, image.digest), annotations });
    expect(await verdictOf(image)).toEqual([[], ['it is signed with another key']]);
  });

  const bundle = (options: Parameters<typeof sigstoreBundle>[2]) =>
    imageWith((image) => image.addReferrer(sigstoreBundle(signer, image.digest, options)));

  it.each([
    [
      'without a subject',
      { change: (s: Record<string, unknown>) => (s['subject'] = []) },
      'the statement has no subject',
    ],
    [
      'of an unknown type',
      { change: (s: Record<string, unknown>) => (s['_type'] = 'x') },
      'the statement has an unknown type',
    ],
    [
      'with another payload type',
      {
        forge: (b: Record<string, unknown>) =>
          Object.assign(b['dsseEnvelope'] as object, { payloadType: 'text/plain' }),
      },
      'the signed content is not a statement of in-toto',
    ],
    [
      'with a signature of a message',
      { forge: (b: Record<string, unknown>) => (delete b['dsseEnvelope'], (b['messageSignature'] = {})) },
      'the bundle has no signed statement',
    ],
    [
      'of another version',
      { forge: (b: Record<string, unknown>) => (b['mediaType'] = 'v9') },
      'the bundle is not one of version 0.3',
    ],
    [
      'without signatures',
      { forge: (b: Record<string, unknown>) => Object.assign(b['dsseEnvelope'] as object, { signatures: [] }) },
      'the envelope needs 1 to 10 signatures',
    ],
  ])('%s is not accepted as a referrer', async (_, options, reason) => {
    expect(await verdictOf(bundle(options))).toEqual([[], [reason]]);
  });

  it('that is provenance, and no signature, does not count', async () => {
    const predicateType = 'https://slsa.dev/provenance/v1';
    expect(await verdictOf(bundle({ change: (s) => (s['predicateType'] = predicateType) }))).toEqual([[], []]);
  });

  it('about several images is accepted for each of them', async () => {
    const image = new SignedImage();
    const subjectOf = (digest: string) => ({ name: '', digest: { sha256: digest.slice(7) } });
    const change = (s: Record<string, unknown>) => (s['subject'] = [subjectOf(other), subjectOf(image.digest)]);
    image.addReferrer(sigstoreBundle(signer, image.digest, { change }));
    expect(await verdictOf(image)).toEqual([['acme sigstore bundle'], []]);
  });

  it('whose bytes are not those of its digest is not accepted', async () => {
    const image = new SignedImage();
    const signature = simpleSigning(signer, image.digest);
    image.addTagged(signature);
    const digest = digestOf(signature.payload);
    image.replaceBlob(digest, Buffer.from('{}'));
    expect(await verdictOf(image)).toEqual([[], [`${digest} has other bytes`]]);
  });
});

describe('a repository with broken attachments', () => {
  it('does not hide a good signature, and an outage is an error', async () => {
    const image = new SignedImage();
    image.addTagged(simpleSigning(signer, image.digest));
    image.addReferrer(sigstoreBundle(signer, image.digest));
    const gone = new RegistryError('MANIFEST_UNKNOWN', 'manifest unknown');
    const broken = Object.assign(image, { manifest: () => Promise.reject(gone) });
    expect(await verdictOf(broken)).toEqual([['acme cosign'], ['manifest unknown']]);
    const away = new RegistryError('UNAVAILABLE', 'the registry does not respond');
    await expect(verdictOf(Object.assign(image, { manifest: () => Promise.reject(away) }))).rejects.toThrow(away);
  });
});

describe('a key for signatures', () => {
  const pemOf = (key: { export: (options: { type: 'spki'; format: 'pem' }) => string | Buffer }) =>
    key.export({ type: 'spki', format: 'pem' }).toString();

  it.each([
    [
      'a private key',
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      'give the public one',
    ],
    ['text', 'ssh-ed25519 AAAA', 'not a public key in PEM'],
    ['short RSA', pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), 'RSA with 2048 bits or more'],
    [
      'another curve',
      pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey),
      'EC P-256, P-384 or P-521',
    ],
    ['another algorithm', pemOf(generateKeyPairSync('x25519').publicKey), 'Ed25519'],
  ])('is refused when it is %s', (_, pem, message) => {
    expect(() => parseSigningKey(pem, 'acme.pub')).toThrow(message);
  });
});
