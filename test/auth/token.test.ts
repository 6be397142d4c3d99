import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { calculateJwkThumbprint, exportJWK, type JWTHeaderParameters, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { libtrustIdOf } from '../../src/auth/key-ids.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ASKED, ALGORITHMS, openAuth, TOKEN } from './auth-under-test.ts';
import { type Certified, createCertificate, derOf } from './certificates.ts';

const directory = await temporaryDirectory();
afterAll(() => directory[Symbol.asyncDispose]());

/** 2026-01-01 */
const NOW = 1_767_225_600_000;
const SECOND = 1000;
const DAY = 86_400 * SECOND;
const at = (ms: number) => Math.floor((NOW + ms) / SECOND);

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
const KEYS = {
  RS: rsa,
  PS: rsa,
  ES256: ec('P-256'),
  ES384: ec('P-384'),
  ES512: ec('P-521'),
  EdDSA: generateKeyPairSync('ed25519'),
};
const secret = createSecretKey(randomBytes(64));

function keysOf(algorithm: string): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm.startsWith('HS')) return { privateKey: secret, publicKey: secret };
  return KEYS[algorithm as keyof typeof KEYS] ?? KEYS[algorithm.slice(0, 2) as keyof typeof KEYS];
}

const ACCESS = [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }];

interface TokenOptions {
  readonly header?: Partial<JWTHeaderParameters> & { alg: string };
  readonly claims?: Record<string, unknown>;
}

async function tokenBy(key: KeyObject, { header = { alg: 'ES256' }, claims = {} }: TokenOptions): Promise<string> {
  const usual = {
    iss: TOKEN.issuer,
    sub: 'alice',
    aud: TOKEN.service,
    exp: at(300 * SECOND),
    nbf: at(0),
    access: ACCESS,
  };
  const sent = Object.fromEntries(Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined));
  return new SignJWT(sent).setProtectedHeader(header).sign(key);
}

let jwks: string;
let bundle: string;
let root: Certified;
let intermediate: Certified;
let leaf: Certified;
let lone: Certified;

beforeAll(async () => {
  const long = { notBefore: new Date(NOW - 10 * DAY), notAfter: new Date(NOW + 10 * DAY) };
  root = await createCertificate('root', { isCa: true, ...long });
  intermediate = await createCertificate('intermediate', { isCa: true, by: root, ...long });
  leaf = await createCertificate('leaf', { by: intermediate, ...long });
  lone = await createCertificate('lone', long);
  bundle = join(directory.path, 'bundle.pem');
  await writeFile(bundle, `${root.cert}\n${lone.cert}`);
  const keys = await Promise.all(
    ALGORITHMS.map(async (alg) => ({
      ...(await exportJWK(keysOf(alg).publicKey)),
      kid: `key of ${alg}`,
      alg,
      use: 'sig',
    })),
  );
  jwks = join(directory.path, 'jwks.json');
  const others = [
    { kty: 'RSA', kid: 'enc', use: 'enc' },
    { kty: 'new', kid: 'new' },
    'x',
    { kty: 'EC', kid: 'broken' },
  ];
  await writeFile(jwks, JSON.stringify({ keys: [...others, ...keys] }));
});

const open = (more: Partial<typeof TOKEN> = {}) =>
  openAuth({ token: { ...TOKEN, jwks, rootCertBundle: bundle, ...more } }, () => NOW);

async function whoIs(token: string, more: Partial<typeof TOKEN> = {}) {
  const { identify } = await open(more);
  const { identity, isRefused } = await identify(`Bearer ${token}`);
  return isRefused ? 'refused' : identity;
}

const alice = { name: 'alice', groups: [], grants: ACCESS };

describe('a token is accepted', () => {
  it.each(ALGORITHMS)('when it is signed by %s', async (alg) => {
    const token = await tokenBy(keysOf(alg).privateKey, { header: { alg, kid: `key of ${alg}` } });
    expect(await whoIs(token)).toEqual(alice);
    expect(await whoIs(`${token.slice(0, -8)}AAAAAAAA`)).toBe('refused');
  });

  it('with a certificate chain that ends at the bundle', async () => {
    const header = { alg: 'ES256', x5c: [derOf(leaf), derOf(intermediate)] };
    expect(await whoIs(await tokenBy(keyOf(leaf), { header }))).toEqual(alice);
    const whole = { alg: 'ES256', x5c: [derOf(leaf), derOf(intermediate), derOf(root)] };
    expect(await whoIs(await tokenBy(keyOf(leaf), { header: whole }))).toEqual(alice);
  });

  it('with a certificate in the bundle, even when it is not a CA', async () => {
    expect(await whoIs(await tokenBy(keyOf(lone), { header: { alg: 'ES256', x5c: [derOf(lone)] } }))).toEqual(alice);
  });

  it('with the key ids of the bundle in the form of distribution 3 and 2', async () => {
    const publicKey = createPublicKey(root.cert);
    for (const kid of [await calculateJwkThumbprint(await exportJWK(publicKey)), libtrustIdOf(publicKey)]) {
      expect(await whoIs(await tokenBy(keyOf(root), { header: { alg: 'ES256', kid } }))).toEqual(alice);
    }
    expect(libtrustIdOf(publicKey)).toMatch(/^(?:[A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
  });

  it('with a key in its header that is trusted by id, by thumbprint, or by a chain', async () => {
    const jwk = await exportJWK(createPublicKey(root.cert));
    expect(await whoIs(await tokenBy(keyOf(root), { header: { alg: 'ES256', jwk } }))).toEqual(alice);
    const named = { ...(await exportJWK(KEYS.ES256.publicKey)), kid: 'key of ES256' };
    expect(await whoIs(await tokenBy(KEYS.ES256.privateKey, { header: { alg: 'ES256', jwk: named } }))).toEqual(alice);
    const chained = { ...(await exportJWK(createPublicKey(leaf.cert))), x5c: [derOf(leaf), derOf(intermediate)] };
    expect(await whoIs(await tokenBy(keyOf(leaf), { header: { alg: 'ES256', jwk: chained } }))).toEqual(alice);
  });

  it.each([
    ['for several audiences', { aud: ['other', TOKEN.service] }, alice],
    ['a minute after its end', { exp: at(-59 * SECOND) }, alice],
    ['a minute before its beginning', { nbf: at(59 * SECOND) }, alice],
    ['without a beginning', { nbf: undefined }, alice],
    ['for nobody in particular', { sub: undefined }, { ...alice, name: '' }],
    ['that is for nothing', { access: undefined }, { ...alice, grants: [] }],
    ['with groups', { groups: ['team', 1, 'ops'] }, { ...alice, groups: ['team', 'ops'] }],
    ['with one group', { groups: 'team' }, { ...alice, groups: ['team'] }],
  ])('%s', async (_what, claims, identity) => {
    const header = { alg: 'ES256', kid: 'key of ES256' };
    expect(await whoIs(await tokenBy(KEYS.ES256.privateKey, { header, claims }))).toEqual(identity);
  });
});

describe('a token is rejected', () => {
  it.each([
    ['of another issuer', { iss: 'elsewhere' }],
    ['without an issuer', { iss: undefined }],
    ['for another service', { aud: 'other' }],
    ['for nobody', { aud: undefined }],
    ['that has ended', { exp: at(-61 * SECOND) }],
    ['that never ends', { exp: undefined }],
    ['whose end is text', { exp: 'never' }],
    ['that has not begun', { nbf: at(61 * SECOND) }],
    ['whose subject is not a string', { sub: 7 }],
    ['whose access is not a list', { access: 'all' }],
    ['whose access has no name', { access: [{ type: 'repository', actions: ['*'] }] }],
    ['whose access is nothing', { access: [null] }],
  ])('%s', async (_what, claims) => {
    const header = { alg: 'ES256', kid: 'key of ES256' };
    expect(await whoIs(await tokenBy(KEYS.ES256.privateKey, { header, claims }))).toBe('refused');
  });

  it('without a signature, for any header', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { iss: TOKEN.issuer, aud: TOKEN.service, exp: at(DAY), access: ACCESS };
    for (const alg of ['none', 'None', 'ES256', undefined]) {
      expect(await whoIs(`${part({ alg, kid: 'key of ES256' })}.${part(claims)}.`)).toBe('refused');
    }
  });

  it('that uses a public key as a secret', async () => {
    const pem = createPublicKey(root.cert).export({ format: 'pem', type: 'spki' });
    const kid = await calculateJwkThumbprint(await exportJWK(createPublicKey(root.cert)));
    const texts = [pem, createPublicKey(root.cert).export({ format: 'der', type: 'spki' }), Buffer.from(root.cert)];
    for (const text of texts) {
      const token = await tokenBy(createSecretKey(Buffer.from(text)), { header: { alg: 'HS256', kid } });
      expect(await whoIs(token)).toBe('refused');
    }
  });

  it('with an algorithm that is not accepted, or not the one of its key', async () => {
    const token = await tokenBy(rsa.privateKey, { header: { alg: 'PS256', kid: 'key of RS256' } });
    expect(await whoIs(token)).toBe('refused');
    const good = await tokenBy(KEYS.ES256.privateKey, { header: { alg: 'ES256', kid: 'key of ES256' } });
    expect(await whoIs(good, { algorithms: ['RS256'] })).toBe('refused');
    expect(await whoIs(good, { algorithms: ['ES256'] })).toEqual(alice);
  });

  it('with an untrusted key in its header', async () => {
    const own = ec('P-256');
    const jwk = await exportJWK(own.publicKey);
    const stolen = { ...jwk, kid: 'key of ES256' };
    const secretJwk = { kty: 'oct', k: 'AAAA' };
    for (const header of [
      { jwk },
      { jwk: stolen },
      { jwk: secretJwk },
      { jwk: { kty: 'EC' } },
      { kid: 'unknown' },
      {},
    ]) {
      expect(await whoIs(await tokenBy(own.privateKey, { header: { alg: 'ES256', ...header } }))).toBe('refused');
    }
  });

  it('with an invalid certificate chain', async () => {
    const past = { notBefore: new Date(NOW - 10 * DAY), notAfter: new Date(NOW - DAY) };
    const future = { notBefore: new Date(NOW + DAY), notAfter: new Date(NOW + 10 * DAY) };
    const current = { notBefore: new Date(NOW - DAY), notAfter: new Date(NOW + DAY) };
    const expired = await createCertificate('expired', { by: intermediate, ...past });
    const early = await createCertificate('early', { by: intermediate, ...future });
    const byLeaf = await createCertificate('by a leaf', { by: leaf, ...current });
    const impostor = await createCertificate('intermediate', { isCa: true, ...current });
    const byImpostor = await createCertificate('by an impostor', { by: impostor, ...current });
    const byLone = await createCertificate('by one that is no CA', { by: lone, ...current });
    const old = await createCertificate('old', { isCa: true, by: root, ...past });
    const byOld = await createCertificate('by an old one', { by: old, ...current });
    const chains: [Certified, string[]][] = [
      [leaf, [derOf(leaf)]],
      [leaf, [derOf(leaf), derOf(root)]],
      [expired, [derOf(expired), derOf(intermediate)]],
      [early, [derOf(early), derOf(intermediate)]],
      [byLeaf, [derOf(byLeaf), derOf(leaf), derOf(intermediate)]],
      [byImpostor, [derOf(byImpostor), derOf(impostor)]],
      [byImpostor, [derOf(byImpostor), derOf(intermediate)]],
      [byImpostor, [derOf(byImpostor), derOf(impostor), derOf(root)]],
      [byLone, [derOf(byLone), derOf(lone)]],
      [byOld, [derOf(byOld), derOf(old)]],
      [byImpostor, [derOf(leaf), derOf(intermediate)]],
      [leaf, []],
      [leaf, ['AAAA']],
    ];
    for (const [signer, x5c] of chains) {
      expect(await whoIs(await tokenBy(keyOf(signer), { header: { alg: 'ES256', x5c } }))).toBe('refused');
    }
  });

  it('for any content without a valid signature', async () => {
    const { identify } = await open();
    const part = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc
        .record(
          {
            alg: fc.constantFrom(...ALGORITHMS, 'none'),
            kid: fc.constantFrom('key of ES256', ''),
            x5c: fc.array(fc.base64String()),
            jwk: fc.object(),
          },
          { requiredKeys: ['alg'] },
        )
        .map((header) => Buffer.from(JSON.stringify(header)).toString('base64url')),
    );
    const text = fc.array(part, { maxLength: 4 }).map((parts) => parts.join('.'));
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expect(await identify(`Bearer ${token}`)).toEqual({ identity: { name: '', groups: [] }, isRefused: true });
      }),
      { numRuns: 300 },
    );
  });
});

describe('a challenge for a token', () => {
  const accesses = [
    { type: 'repository', name: 'a/b', actions: ['pull', 'push'] },
    { type: 'repository', name: 'c', actions: ['pull'] },
  ];

  it('is that of distribution', async () => {
    const { auth } = await open();
    const start = 'Bearer realm="https://auth.example/token",service="registry.example"';
    expect(auth.challenges(ASKED)).toEqual([start]);
    expect(auth.challenges({ ...ASKED, accesses })).toEqual([
      `${start},scope="repository:a/b:pull,push repository:c:pull"`,
    ]);
    expect(auth.challenges({ ...ASKED, error: 'invalid_token' })).toEqual([`${start},error="invalid_token"`]);
    const error = 'insufficient_scope';
    expect(auth.challenges({ ...ASKED, accesses: accesses.slice(1), error })).toEqual([
      `${start},scope="repository:c:pull",error="insufficient_scope"`,
    ]);
  });

  it('names the host of the request, with autoredirect', async () => {
    const { auth } = await open({ autoRedirectPath: '/auth/token' });
    const realmOf = (asked: Partial<typeof ASKED>) =>
      /realm="([^"]+)"/.exec(auth.challenges({ ...ASKED, ...asked })[0] ?? '')?.[1];
    expect(realmOf({})).toBe('https://registry.example:5000/auth/token');
    expect(realmOf({ forwardedProto: 'http' })).toBe('http://registry.example:5000/auth/token');
    expect(realmOf({ forwardedProto: 'javascript' })).toBe('https://registry.example:5000/auth/token');
  });
});

describe('files with keys', () => {
  it('are read again when they change, and tokens of removed keys are rejected', async () => {
    const path = join(directory.path, 'changing.json');
    const write = async (key: KeyObject, mtime: number) => {
      await writeFile(path, JSON.stringify({ keys: [{ ...(await exportJWK(key)), kid: 'k' }] }));
      await utimes(path, mtime, mtime);
    };
    const [first, second] = [ec('P-256'), ec('P-256')];
    await write(first.publicKey, 1000);
    let now = NOW;
    const { identify, reported } = await openAuth({ token: { ...TOKEN, jwks: path } }, () => now);
    const isTaken = async (key: KeyObject) =>
      !(await identify(`Bearer ${await tokenBy(key, { header: { alg: 'ES256', kid: 'k' } })}`)).isRefused;
    expect([await isTaken(first.privateKey), await isTaken(second.privateKey)]).toEqual([true, false]);
    await write(second.publicKey, 2000);
    now += 2 * SECOND;
    expect([await isTaken(first.privateKey), await isTaken(second.privateKey)]).toEqual([false, true]);
    await writeFile(path, '{"keys": [');
    now += 2 * SECOND;
    expect(await isTaken(second.privateKey)).toBe(true);
    expect(reported.at(-1)).toContain('not JSON');
  });

  it.each([
    ['that is not there', { jwks: '/nowhere/jwks.json' }, 'auth.token.jwks: cannot use /nowhere/jwks.json: ENOENT'],
    [
      'without a certificate',
      { rootCertBundle: import.meta.filename },
      /auth\.token\.rootcertbundle: cannot use .*: no certificate found/,
    ],
    ['without keys', { jwks: import.meta.filename }, /auth\.token\.jwks: cannot use .*: not JSON/],
  ])('%s prevent startup', async (_what, config, message) => {
    await expect(openAuth({ token: { ...TOKEN, ...config } })).rejects.toThrow(message);
  });
});

function keyOf({ key }: Certified): KeyObject {
  return createPrivateKey(key);
}
