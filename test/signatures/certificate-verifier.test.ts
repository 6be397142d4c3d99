import { beforeAll, describe, expect, it } from 'vitest';

import { ImageError } from '../../src/images/image-error.ts';
import { CertificateVerifier } from '../../src/signatures/certificate-verifier.ts';
import { verifyImage } from '../../src/signatures/verify-image.ts';
import { Keyless, type KeylessOptions } from './keyless.ts';
import { SignedImage } from './material.ts';

const ISSUER = 'https://token.actions.githubusercontent.com';
const WORKFLOW = 'https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1';
const BY_ACME = { issuer: ISSUER, subject: 'https://github.com/acme/*/.github/workflows/release.yml@refs/tags/*' };
const SIGNED: KeylessOptions = { issuer: ISSUER, subject: WORKFLOW };

let keyless: Keyless;
beforeAll(async () => {
  keyless = await Keyless.create();
});

interface VerifyOptions extends Partial<KeylessOptions> {
  readonly root?: string;
  readonly identity?: typeof BY_ACME;
  readonly forge?: (bundle: Record<string, unknown>) => void;
}

/** @returns the authority, or the reason why the only signature is not accepted */
async function verified({ root, identity = BY_ACME, forge, ...signed }: VerifyOptions = {}): Promise<unknown> {
  const image = new SignedImage();
  const bundle = JSON.parse((await keyless.sign(image.digest, { ...SIGNED, ...signed })).toString()) as Record<
    string,
    unknown
  >;
  forge?.(bundle);
  image.addReferrer(Buffer.from(JSON.stringify(bundle)));
  const bytes = Buffer.from(root ?? keyless.trustedRoot());
  const certificates = await CertificateVerifier.load(bytes, { identities: [identity], origin: 'trusted_root.json' });
  const { signal } = new AbortController();
  const authorities = [{ name: 'acme', certificates }];
  const { accepted, rejected } = await verifyImage(image, { digest: image.digest, authorities }, { signal });
  return accepted[0]?.authority ?? rejected[0]?.reason;
}

describe('a signature with a certificate', () => {
  it('is accepted for an identity that matches as a whole', async () => {
    expect(await verified()).toBe('acme');
    expect(await verified({ identity: { issuer: ISSUER, subject: WORKFLOW } })).toBe('acme');
  });

  it.each([
    ['another repository with the same beginning', { subject: WORKFLOW.replace('acme/app', 'acme-evil/app') }],
    ['another workflow', { subject: WORKFLOW.replace('release', 'test') }],
    ['a longer subject', { subject: `${WORKFLOW}/x` }],
    ['a subject before it', { subject: `https://evil.example/?${WORKFLOW}` }],
    ['another issuer', { issuer: `${ISSUER}.evil.example` }],
  ])('is refused for %s', async (_, signed) => {
    expect(await verified(signed)).toMatch(/^it is signed by https:/);
  });

  it.each([
    ['no log of certificates', () => ({ root: keyless.trustedRoot({ without: 'ctlogs' }) })],
    ['no log of signatures', () => ({ root: keyless.trustedRoot({ without: 'tlogs' }) })],
    [
      'a log of signatures whose key had ended before',
      () => ({ root: keyless.trustedRoot({ ended: { tlogs: new Date(Date.now() - 3_600_000) } }) }),
    ],
    [
      'a bundle without an entry in a log',
      () => ({
        forge: (bundle: Record<string, unknown>) =>
          Object.assign(bundle['verificationMaterial'] as object, { tlogEntries: [] }),
      }),
    ],
    [
      'a bundle with a key in place of a certificate',
      () => ({
        forge: (bundle: Record<string, unknown>) =>
          Object.assign(bundle, { verificationMaterial: { publicKey: { hint: 'aGludA==' }, tlogEntries: [] } }),
      }),
    ],
  ])('is refused with %s', async (_, options) => {
    expect(await verified(options())).toMatch(/^its certificate is not accepted: /);
  });

  it('is refused when another authority has signed the certificate', async () => {
    const other = await Keyless.create();
    expect(await verified({ root: other.trustedRoot() })).toMatch(/^its certificate is not accepted: /);
  });

  it('is refused when it signs something else', async () => {
    const changed = (change: KeylessOptions['change']) => verified({ ...(change && { change }) });
    expect(
      await changed((statement) => Object.assign(statement, { subject: [{ digest: { sha256: 'a'.repeat(64) } }] })),
    ).toMatch(/^it signs sha256:a/);
    expect(await changed((statement) => Object.assign(statement, { subject: [] }))).toBe(
      'the statement has no subject',
    );
    expect(await verified({ payloadType: 'text/plain' })).toBe('the signed content is not a statement of in-toto');
  });

  it('needs a trusted root', async () => {
    const load = (text: string) => CertificateVerifier.load(Buffer.from(text), { identities: [], origin: 'root.json' });
    await expect(load('{}')).rejects.toThrow(
      new ImageError('root.json: not a trusted root (trusted_root.json): it has no certificate authority'),
    );
    await expect(load('no JSON')).rejects.toThrow(/^root\.json: not a trusted root/);
  });
});
