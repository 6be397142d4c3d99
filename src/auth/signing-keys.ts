import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { link, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { AuthEvents } from './auth-events.ts';
import { thumbprintOf } from './key-ids.ts';
import type { KeySource } from './token-keys.ts';
import type { TrustedKey, TrustedKeys } from './trusted-keys.ts';
import { AuthFile, UnusableFileError } from './auth-file.ts';

const MAX_BYTES = 256 * 1024;
const CONFIGURED = 'issuer.keyfile';

export interface SigningKey {
  readonly id: string;
  readonly key: KeyObject;
  readonly algorithm: string;
}

interface KeyRing {
  readonly signing: SigningKey;
  readonly trusted: TrustedKeys;
}

const PEM = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[^-]+-----END \1-----/g;

/**
 * Keys of the tokens that this service issues. The first private key of a PEM file signs; tokens signed by the others, its predecessors,
 * are still accepted. The file is created when it is missing, and read again after a change.
 */
export class SigningKeys implements KeySource {
  readonly #file: Pick<AuthFile<KeyRing>, 'get'>;

  private constructor(file: Pick<AuthFile<KeyRing>, 'get'>) {
    this.#file = file;
  }

  /** @param path absent for a key that only this process has. @throws {Error} when the file cannot be used or created */
  static async open(
    path: string | undefined,
    { events, now }: { events: AuthEvents; now: () => number },
  ): Promise<SigningKeys> {
    if (path === undefined) {
      events.keyIsTemporary();
      const ring = parseKeys(newKey());
      return new SigningKeys({ get: () => ring });
    }
    await provideKey(path).catch((err: NodeJS.ErrnoException) => {
      throw new UnusableFileError(`auth.${CONFIGURED}: cannot create ${path}: ${err.code}`);
    });
    const parse = (bytes: Buffer) => {
      const value = parseKeys(bytes.toString('utf8'));
      return { value, entries: value.trusted.byId.size };
    };
    return new SigningKeys(await AuthFile.open({ key: CONFIGURED, path, maxBytes: MAX_BYTES, parse, events, now }));
  }

  current(): TrustedKeys | Promise<TrustedKeys> {
    const ring = this.#file.get();
    return ring instanceof Promise ? ring.then(({ trusted }) => trusted) : ring.trusted;
  }

  async signing(): Promise<SigningKey> {
    return (await this.#file.get()).signing;
  }
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** When several processes start at the same time, one creates the file, and none sees a part of it. */
async function provideKey(path: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    (err: NodeJS.ErrnoException) => err.code !== 'ENOENT', // other failures are reported when the file is read
  );
  if (isThere) return;
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, newKey(), { flag: 'wx', mode: 0o600 });
    await link(draft, path).catch((err: NodeJS.ErrnoException) => {
      if (err.code !== 'EEXIST') throw err;
    });
  } finally {
    await rm(draft, { force: true });
  }
}

function parseKeys(pem: string): KeyRing {
  const keys = (pem.match(PEM) ?? []).map(toSigningKey);
  const [signing] = keys;
  if (signing === undefined) throw new Error('no private key found');
  const trusted = keys.map(({ id, key, algorithm }): [string, TrustedKey] => [
    id,
    { key: createPublicKey(key), algorithm },
  ]);
  return { signing, trusted: { byId: new Map(trusted), certificates: [] } };
}

function toSigningKey(pem: string): SigningKey {
  const key = importKey(pem);
  const algorithm = algorithmOf(key);
  const id = thumbprintOf(createPublicKey(key));
  if (algorithm === undefined || id === undefined)
    throw new Error('a key that is not RSA, P-256, P-384, P-521 or Ed25519');
  return { id, key, algorithm };
}

function importKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error('a private key that cannot be read'); // its own message could repeat a part
  }
}

const BY_CURVE: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === 'rsa') return 'RS256';
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  return asymmetricKeyType === 'ec' ? BY_CURVE[asymmetricKeyDetails?.namedCurve ?? ''] : undefined;
}
