import { createHash, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';

import { FakeError } from './fake-objects.ts';

const EMAIL = 'registry@project.iam.gserviceaccount.com';

/** A service account with its key, the tokens that it got, and its signatures. */
export class FakeAccounts {
  readonly email = EMAIL;
  /** Made once: that takes time. */
  static readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly #tokens = new Set<string>();
  /** Seconds of new tokens. */
  lifetime = 3_600;
  mayLogIn = true;

  /** Content of a key file. */
  keyFile(tokenUri: string) {
    const privateKey = FakeAccounts.#keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    return { type: 'service_account', client_email: EMAIL, private_key: privateKey, token_uri: tokenUri };
  }

  issueToken() {
    if (!this.mayLogIn) throw new FakeError(400, 'invalid_grant');
    const token = randomUUID();
    this.#tokens.add(token);
    return { access_token: token, expires_in: this.lifetime, token_type: 'Bearer' };
  }

  /** For a signed assertion, or a refresh token. */
  exchange(parameters: URLSearchParams, tokenUri: string) {
    const assertion = parameters.get('assertion');
    if (assertion === null) {
      if (parameters.get('refresh_token') !== 'refresh') throw new FakeError(400, 'invalid_grant');
      return this.issueToken();
    }
    const [header = '', claims = '', signature = ''] = assertion.split('.');
    const { iss, aud, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    const isSigned = this.#verify(`${header}.${claims}`, Buffer.from(signature, 'base64url'));
    const isGood = isSigned && iss === EMAIL && aud === tokenUri && Number(exp) > Date.now() / 1_000;
    if (!isGood) throw new FakeError(400, 'invalid_grant');
    return this.issueToken();
  }

  revokeAll(): void {
    this.#tokens.clear();
  }

  /** @throws {FakeError} 401 */
  check(authorization: string | undefined): void {
    const [, token = ''] = /^Bearer (.+)$/.exec(authorization ?? '') ?? [];
    if (!this.#tokens.has(token)) throw new FakeError(401, 'authError');
  }

  /** As IAM signs for the account. */
  signBlob(payload: Buffer): Buffer {
    return sign('RSA-SHA256', payload, FakeAccounts.#keys.privateKey);
  }

  /** Checks a signed URL. @throws {FakeError} 403 @see https://cloud.google.com/storage/docs/authentication/signatures */
  checkSignedUrl(method: string, url: URL): void {
    const signature = url.searchParams.get('X-Goog-Signature') ?? '';
    const query = url.search
      .slice(1)
      .split('&')
      .filter((part) => !part.startsWith('X-Goog-Signature='));
    const request = [
      method,
      url.pathname,
      query.toSorted().join('&'),
      `host:${url.host}`,
      '',
      'host',
      'UNSIGNED-PAYLOAD',
    ];
    const hash = createHash('sha256').update(request.join('\n')).digest('hex');
    const [, ...scope] = (url.searchParams.get('X-Goog-Credential') ?? '').split('/');
    const text = ['GOOG4-RSA-SHA256', url.searchParams.get('X-Goog-Date'), scope.join('/'), hash].join('\n');
    if (!this.#verify(text, Buffer.from(signature, 'hex'))) throw new FakeError(403, 'SignatureDoesNotMatch');
  }

  #verify(text: string, signature: Buffer): boolean {
    return verify('RSA-SHA256', Buffer.from(text), FakeAccounts.#keys.publicKey, signature);
  }
}
