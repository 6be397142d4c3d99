import type { AccessToken } from '../objects/access-token.ts';
import type { StoreClient } from '../objects/store-client.ts';
import { statusOf } from '../objects/store-error.ts';
import { API_VERSION, type SharedKey, signText } from './shared-key.ts';

/** Validity of a key that signs in the name of an identity. Milliseconds. */
const KEY_LIFETIME_MS = 24 * 3_600_000;
const RENEW_BEFORE_MS = 3_600_000;
/** The clock of the store may be behind. Milliseconds. */
const CLOCK_SKEW_MS = 300_000;
/** For the requests of one composition. Milliseconds. */
const SOURCE_LIFETIME_MS = 3_600_000;

/** A key that the store gave to an identity. */
interface DelegationKey {
  readonly fields: Readonly<Record<'skoid' | 'sktid' | 'skt' | 'ske' | 'sks' | 'skv', string>>;
  readonly value: string;
}

export interface UrlSignerParts {
  readonly account: string;
  readonly container: string;
  readonly serviceUrl: string;
  readonly authorization: { readonly key: SharedKey } | { readonly tokens: AccessToken };
  readonly client: StoreClient;
  /** Called once, when URLs cannot be signed with the credentials. */
  readonly onUnsigned: (reason: string) => void;
}

/** Makes URLs that permit to read one blob, signed by the account's key, or by a key for the identity. */
export class UrlSigner {
  readonly #parts: UrlSignerParts;
  #key: Promise<DelegationKey | undefined> | undefined;
  #renewAt = 0;

  constructor(parts: UrlSignerParts) {
    this.#parts = parts;
  }

  /** @returns undefined when URLs cannot be signed with these credentials */
  async sign(url: URL, name: string, lifetimeMs: number): Promise<URL | undefined> {
    const { authorization } = this.#parts;
    if ('key' in authorization) return this.#signed(url, name, { lifetimeMs, key: authorization.key.key });
    const delegated = await this.#delegationKey();
    return delegated && this.#signed(url, name, { lifetimeMs, key: delegated.value, delegated });
  }

  /** The source of a copy, with the headers that permit to read it. */
  async source(url: URL, name: string) {
    const { authorization } = this.#parts;
    if ('tokens' in authorization) {
      return { url, headers: { 'x-ms-copy-source-authorization': `Bearer ${await authorization.tokens.get()}` } };
    }
    const { key } = authorization.key;
    return { url: this.#signed(url, name, { lifetimeMs: SOURCE_LIFETIME_MS, key }), headers: {} };
  }

  /** @see https://learn.microsoft.com/rest/api/storageservices/create-service-sas */
  #signed(
    url: URL,
    name: string,
    { lifetimeMs, key, delegated }: { lifetimeMs: number; key: string; delegated?: DelegationKey },
  ): URL {
    const { account, container } = this.#parts;
    const now = Date.now();
    // `https` only for stores that have it.
    const protocol = url.protocol === 'https:' ? 'https' : '';
    const [start, expiry] = [timeOf(now - CLOCK_SKEW_MS), timeOf(now + lifetimeMs)];
    const resource = `/blob/${account}/${container}/${name}`;
    const { skoid = '', sktid = '', skt = '', ske = '', sks = '', skv = '' } = delegated?.fields ?? {};
    const identity = delegated ? [skoid, sktid, skt, ske, sks, skv, '', '', ''] : [''];
    const text = [
      'r',
      start,
      expiry,
      resource,
      ...identity,
      '',
      protocol,
      API_VERSION,
      'b',
      '',
      '',
      '',
      '',
      '',
      '',
      '',
    ];
    const query = { sv: API_VERSION, sr: 'b', sp: 'r', st: start, se: expiry, spr: protocol, ...delegated?.fields };
    const signed = new URL(url);
    for (const [field, value] of Object.entries(query)) if (value !== '') signed.searchParams.set(field, value);
    signed.searchParams.set('sig', signText(text.join('\n'), key));
    return signed;
  }

  async #delegationKey(): Promise<DelegationKey | undefined> {
    if (!this.#key || this.#renewAt <= Date.now()) {
      this.#renewAt = Date.now() + KEY_LIFETIME_MS - RENEW_BEFORE_MS;
      this.#key = this.#fetchKey();
      this.#key.catch(() => (this.#key = undefined));
    }
    return await this.#key;
  }

  /** @see https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key */
  async #fetchKey(): Promise<DelegationKey | undefined> {
    const { serviceUrl, client, onUnsigned } = this.#parts;
    const now = Date.now();
    const url = new URL(serviceUrl);
    url.search = '?restype=service&comp=userdelegationkey';
    const body = `<?xml version="1.0" encoding="utf-8"?><KeyInfo><Start>${timeOf(now - CLOCK_SKEW_MS)}</Start><Expiry>${timeOf(now + KEY_LIFETIME_MS)}</Expiry></KeyInfo>`;
    try {
      return parseKey(await client.text({ method: 'POST', url, body, headers: { 'content-type': 'application/xml' } }));
    } catch (err) {
      if (statusOf(err) !== 403) throw err;
      onUnsigned('the identity lacks the role Storage Blob Delegator: blobs are served instead of redirecting to them');
      return undefined;
    }
  }
}

function parseKey(xml: string): DelegationKey {
  const field = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
  const fields = {
    skoid: field('SignedOid'),
    sktid: field('SignedTid'),
    skt: field('SignedStart'),
    ske: field('SignedExpiry'),
    sks: field('SignedService'),
    skv: field('SignedVersion'),
  };
  return { fields, value: field('Value') };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
