import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import httpProxy from 'http-proxy';

import { htpasswdOf } from '../auth/htpasswd-file.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export const PUSHER = { username: 'pusher', password: 'may-push-there' };
export const READER = { username: 'reader', password: 'may-only-pull' };

/** A registry that gives out tokens as Docker Hub does, to one who may do everything and one who may pull. */
export class TokenRegistry implements AsyncDisposable {
  readonly layover: Layover;
  /** What tokens were asked for, in order. */
  readonly scopes: string[] = [];
  readonly #directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  #front: Awaited<ReturnType<typeof startServer>> | undefined;

  private constructor(layover: Layover, directory: Awaited<ReturnType<typeof temporaryDirectory>>) {
    this.layover = layover;
    this.#directory = directory;
  }

  static async start(issuer: ConfigObject = {}): Promise<TokenRegistry> {
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'htpasswd');
    const users = [PUSHER, READER].map(({ username, password }) => [username, password]);
    await writeFile(path, await htpasswdOf(Object.fromEntries(users) as Record<string, string>));
    const layover = await Layover.start({
      config: {
        storage: { delete: { enabled: true } },
        http: { secret: 'the same after a restart' },
        auth: {
          htpasswd: { realm: 'up', path },
          issuer: { keyfile: join(directory.path, 'keys.pem'), ...issuer },
          policy: [
            { users: ['pusher'], repositories: ['**'], actions: ['*'] },
            { users: ['reader'], repositories: ['**'], actions: ['pull'] },
          ],
        },
      },
    });
    const registry = new TokenRegistry(layover, directory);
    await registry.#listen();
    return registry;
  }

  get url(): string {
    return this.#front?.url ?? '';
  }

  /** In front of it, where what is asked can be seen. */
  async #listen(): Promise<void> {
    const proxy = httpProxy.createProxyServer({ target: this.layover.url });
    this.#front = await startServer((req, res) => {
      const { pathname, searchParams } = new URL(req.url ?? '', this.layover.url);
      if (pathname === '/token') this.scopes.push(searchParams.getAll('scope').join(' '));
      proxy.web(req, res);
    });
  }

  /** No token that it gave counts any more. */
  async revokeAll(): Promise<void> {
    await rm(join(this.#directory.path, 'keys.pem'));
    await this.layover.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#front?.[Symbol.asyncDispose]();
    await this.layover[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** A cache that sends pushes on, and never asks for a tag again by itself, so that only a push can tell it. */
export function startPassthrough(remoteurl: string, upstream: ConfigObject = {}, more: ConfigObject = {}) {
  const configured = { name: 'up.example', remoteurl, default: true, push: 'passthrough', tags: { ttl: '24h' } };
  return Layover.start({ config: { proxy: { upstreams: [{ ...configured, ...upstream }] }, ...more } });
}
