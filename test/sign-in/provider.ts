import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

import { startServer } from '../support/start-server.ts';

export const CLIENT = { id: 'layover', secret: 'provider-secret' };

interface Authorization {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirectUri: string;
}

/** A small OpenID provider at which a user is always signed in. */
export class Provider implements AsyncDisposable {
  readonly url: string;
  /** Of the next ID tokens, laid over the usual ones. */
  claims: JWTPayload = { preferred_username: 'dora', groups: ['ops'] };
  /** Signs the next ID tokens with a key that is not published. */
  usesWrongKey = false;
  readonly #codes = new Map<string, Authorization>();
  readonly #server: Awaited<ReturnType<typeof startServer>>;
  readonly #keys = Promise.all([generateKeyPair('RS256', { extractable: true }), generateKeyPair('RS256')]);

  private constructor(server: Awaited<ReturnType<typeof startServer>>) {
    this.#server = server;
    this.url = server.url;
  }

  static async start(): Promise<Provider> {
    const server = await startServer((req, res) => void provider.#serve(req, res));
    const provider = new Provider(server);
    return provider;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '/', this.url);
    if (pathname === '/.well-known/openid-configuration') return sendJson(res, 200, this.#metadata());
    if (pathname === '/jwks') {
      const [{ publicKey }] = await this.#keys;
      return sendJson(res, 200, { keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', use: 'sig', kid: 'k' }] });
    }
    if (pathname === '/authorize') return this.#authorize(searchParams, res);
    if (pathname === '/token') return this.#issue(req, res);
    return sendJson(res, 404, {});
  }

  #metadata() {
    const { url } = this;
    return {
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      jwks_uri: `${url}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
    };
  }

  #authorize(query: URLSearchParams, res: ServerResponse): void {
    const get = (name: string) => query.get(name) ?? '';
    const isGood =
      get('client_id') === CLIENT.id && get('code_challenge_method') === 'S256' && get('response_type') === 'code';
    if (!isGood) return sendJson(res, 400, { error: 'invalid_request' });
    const code = randomUUID();
    this.#codes.set(code, { challenge: get('code_challenge'), nonce: get('nonce'), redirectUri: get('redirect_uri') });
    const back = new URL(get('redirect_uri'));
    back.search = new URLSearchParams({ code, state: get('state') }).toString();
    res.writeHead(302, { location: back.href }).end();
  }

  async #issue(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await text(req));
    const code = form.get('code') ?? '';
    const known = this.#codes.get(code);
    this.#codes.delete(code);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isClient = form.get('client_id') === CLIENT.id && form.get('client_secret') === CLIENT.secret;
    if (!isClient) return sendJson(res, 401, { error: 'invalid_client' });
    if (known?.challenge !== challenge || known.redirectUri !== form.get('redirect_uri'))
      return sendJson(res, 400, { error: 'invalid_grant' });
    const idToken = await this.#idToken(known.nonce);
    return sendJson(res, 200, { access_token: 'opaque', token_type: 'Bearer', expires_in: 60, id_token: idToken });
  }

  async #idToken(nonce: string): Promise<string> {
    const [published, other] = await this.#keys;
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: this.url, aud: CLIENT.id, sub: 'user-1', iat: now, exp: now + 60, nonce };
    return new SignJWT({ ...usual, ...this.claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .sign((this.usesWrongKey ? other : published).privateKey);
  }
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body));
}
