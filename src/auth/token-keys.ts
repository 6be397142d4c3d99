import type { KeyObject } from 'node:crypto';

import type { TokenConfig } from '../config/config.ts';
import type { AuthEvents } from './auth-events.ts';
import { verifiedKey } from './certificate-chain.ts';
import { JwksUrl } from './jwks-url.ts';
import { thumbprintOf } from './key-ids.ts';
import {
  importPublicJwk,
  joinKeys,
  parseBundle,
  parseJwks,
  type TrustedKey,
  type TrustedKeys,
} from './trusted-keys.ts';
import { AuthFile } from './auth-file.ts';

const MAX_BYTES = 1024 * 1024;

/** Parts of a token's header that identify its key. RFC 7515, section 4.1. */
export interface KeyHeader {
  readonly alg?: string | undefined;
  readonly kid?: unknown;
  readonly jwk?: unknown;
  readonly x5c?: unknown;
}

/** A source of the keys that verify tokens. */
export interface KeySource {
  /** The same object as long as the keys are the same. */
  current(): TrustedKeys | Promise<TrustedKeys>;
  /** Fetches new keys. Absent when they come from files only. @throws {RegistryError} `UNAVAILABLE` */
  newer?(): Promise<TrustedKeys>;
}

/** Keys of a certificate bundle, a JWKS file and a JWKS URL, whichever are configured. */
export class TokenKeys implements KeySource {
  readonly #files: readonly AuthFile<TrustedKeys>[];
  readonly #url: JwksUrl | undefined;
  #parts: readonly TrustedKeys[] = [];
  #joined: TrustedKeys = joinKeys([]);

  private constructor(files: readonly AuthFile<TrustedKeys>[], url: JwksUrl | undefined) {
    this.#files = files;
    this.#url = url;
  }

  /** Starts to fetch the keys of a URL, without waiting for them. @throws {Error} when a file cannot be used */
  static async open(config: TokenConfig, watching: { events: AuthEvents; now: () => number }): Promise<TokenKeys> {
    const open = (key: string, path: string | undefined, parse: (text: string) => TrustedKeys) =>
      path === undefined ? [] : [openFile({ key, path, parse, ...watching })];
    const files = await Promise.all([
      ...open('token.rootcertbundle', config.rootCertBundle, parseBundle),
      ...open('token.jwks', config.jwks, parseJwks),
    ]);
    const url = config.jwksUrl === undefined ? undefined : new JwksUrl({ url: config.jwksUrl, ...watching });
    url?.get();
    return new TokenKeys(files, url);
  }

  current(): TrustedKeys | Promise<TrustedKeys> {
    const fetched = this.#url ? [this.#url.get()] : [];
    const parts = this.#files.map((file) => file.get());
    const ready = parts.filter((part): part is TrustedKeys => !(part instanceof Promise));
    if (ready.length === parts.length) return this.#join([...ready, ...fetched]);
    return Promise.all(parts.map(async (part) => part)).then((read) => this.#join([...read, ...fetched]));
  }

  async newer(): Promise<TrustedKeys> {
    await this.#url?.getNewer();
    return this.current();
  }

  #join(parts: readonly TrustedKeys[]): TrustedKeys {
    const isSame = parts.length === this.#parts.length && parts.every((part, i) => part === this.#parts[i]);
    if (!isSame) this.#joined = joinKeys(parts);
    this.#parts = parts;
    return this.#joined;
  }
}

function openFile({
  key,
  path,
  parse,
  ...watching
}: {
  key: string;
  path: string;
  parse: (text: string) => TrustedKeys;
  events: AuthEvents;
  now: () => number;
}): Promise<AuthFile<TrustedKeys>> {
  const read = (bytes: Buffer) => {
    const value = parse(bytes.toString('utf8'));
    return { value, entries: value.byId.size };
  };
  return AuthFile.open({ key, path, maxBytes: MAX_BYTES, parse: read, ...watching });
}

/**
 * The trusted key that a token's header names. As in distribution, a certificate chain takes precedence over a key, and a key over a key id.
 *
 * @returns undefined when it is not trusted
 */
export function findKey(header: KeyHeader, keys: TrustedKeys, now: number): KeyObject | undefined {
  const { x5c, jwk, kid } = header;
  if (x5c !== undefined) return verifiedKey(x5c, keys.certificates, now);
  if (jwk !== undefined) return keyOfJwk(jwk, keys, { header, now });
  return keyNamed(kid, keys, header);
}

/** A key in the header is accepted only when it is a trusted one. */
function keyOfJwk(jwk: unknown, keys: TrustedKeys, { header, now }: { header: KeyHeader; now: number }) {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { x5c, kid } = jwk as KeyHeader;
  if (x5c !== undefined) return verifiedKey(x5c, keys.certificates, now);
  const given = importPublicJwk(jwk);
  return keyNamed(kid, keys, header) ?? (given && keyNamed(thumbprintOf(given), keys, header));
}

function keyNamed(id: unknown, keys: TrustedKeys, { alg }: KeyHeader): KeyObject | undefined {
  const trusted: TrustedKey | undefined = typeof id === 'string' ? keys.byId.get(id) : undefined;
  const mayUse = trusted !== undefined && (trusted.algorithm === undefined || trusted.algorithm === alg);
  return mayUse ? trusted.key : undefined;
}
