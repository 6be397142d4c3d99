import { createHash, timingSafeEqual } from 'node:crypto';

import { WatchedFile } from '../files/watched-file.ts';

export interface AdminSecret {
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
}

/** The bearer token of the admin API. It is read at every use, so that a new one takes effect at once. */
export class AdminToken {
  readonly #token: string | undefined;
  readonly #file: WatchedFile<string | undefined> | undefined;

  private constructor({ token, tokenFile }: AdminSecret) {
    this.#token = trimmed(token);
    this.#file =
      tokenFile === undefined
        ? undefined
        : new WatchedFile({ path: tokenFile, parse: (bytes) => trimmed(bytes.toString('utf8')) });
  }

  /** Absent when none is configured. */
  static create(secret: AdminSecret): AdminToken | undefined {
    return secret.token === undefined && secret.tokenFile === undefined ? undefined : new AdminToken(secret);
  }

  /** Absent while it cannot be read. */
  async current(): Promise<string | undefined> {
    return this.#file ? this.#file.load().catch(() => undefined) : this.#token;
  }

  async matches(given: string): Promise<boolean> {
    const expected = await this.current();
    return expected !== undefined && isSame(given, expected);
  }

  /** @param authorization a header, in which Node has decoded bytes as Latin-1; the token is UTF-8 */
  async isIn(authorization: string | undefined): Promise<boolean> {
    const [, given] = /^Bearer +(.+)$/i.exec(authorization ?? '') ?? [];
    return given !== undefined && this.matches(Buffer.from(given, 'latin1').toString('utf8'));
  }
}

function trimmed(text = ''): string | undefined {
  return text.trim() || undefined;
}

/** In constant time. */
function isSame(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
