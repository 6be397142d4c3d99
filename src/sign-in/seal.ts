import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** The first one seals, all of them open. */
export type SealSecrets = () => Promise<readonly [string, ...string[]]>;

export interface Opened {
  readonly content: unknown;
  /** Whether it was sealed with this proof. */
  isFor(proof: string): boolean;
}

interface Envelope {
  readonly content: unknown;
  /** A keyed hash of the proof. */
  readonly mark: string;
  /** Unix milliseconds. */
  readonly until: number;
}

/** Longer text is not read. Browsers send cookies of up to 4 KiB. */
const MAX_LENGTH = 4096;

/**
 * Text that only a process with the same secret can have made. Its content can be read by anyone who has it. What it proves ends with its time,
 * and where the caller checks that, with a change of the proof, such as the hash of a password.
 */
export class Seal {
  readonly #secrets: SealSecrets;
  readonly #purpose: string;

  /** @param purpose text of one purpose does not open for another one */
  constructor(secrets: SealSecrets, purpose: string) {
    this.#secrets = secrets;
    this.#purpose = purpose;
  }

  /** @param until Unix milliseconds */
  async seal(content: object, { proof, until }: { readonly proof: string; readonly until: number }): Promise<string> {
    const [secret] = await this.#secrets();
    const key = this.#keyOf(secret);
    const envelope: Envelope = { content, mark: macOf(key, proof), until };
    const text = Buffer.from(JSON.stringify(envelope)).toString('base64url');
    return `${text}.${macOf(key, text)}`;
  }

  /** @returns undefined for text that was not sealed, was changed, or has expired */
  async open(sealed: string, now: number): Promise<Opened | undefined> {
    const [text = '', mac = '', ...rest] = sealed.length > MAX_LENGTH ? [] : sealed.split('.');
    if (text === '' || rest.length > 0) return undefined;
    const keys = (await this.#secrets()).map((secret) => this.#keyOf(secret));
    const key = keys.find((one) => isSame(macOf(one, text), mac));
    if (!key) return undefined;
    const { content, mark, until } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Envelope;
    return until > now ? { content, isFor: (proof) => isSame(macOf(key, proof), mark) } : undefined;
  }

  #keyOf(secret: string): Buffer {
    return Buffer.from(hkdfSync('sha256', secret, '', `layover ${this.#purpose}`, 32));
  }
}

function macOf(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
