import { type ClientRequest, request } from 'node:http';
import { request as secureRequest } from 'node:https';

import type { Config, Listen } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import type { Output } from './config.ts';

export interface HealthcheckOptions {
  /** Path of the configuration that the service was started with. */
  readonly file: string | undefined;
  /** Asked instead of what the configuration says. */
  readonly url: string | undefined;
  readonly env: Environment;
  readonly out: Output;
}

interface Asked {
  readonly url: string;
  readonly socketPath?: string | undefined;
}

/** A container runtime that waits for longer kills the command. Milliseconds. */
const TIMEOUT_MS = 4_000;
const DEFAULT_PATH = '/readyz';

/**
 * `healthcheck`: asks the service on this machine whether it is ready, for images without curl.
 *
 * @returns the exit code: 0, or 1 when it is not or cannot be asked
 * @throws {ConfigError}
 */
export async function healthcheck({ file, url, env, out }: HealthcheckOptions): Promise<number> {
  const asked = url === undefined ? addressOf((await loadConfig({ file, env })).config) : { url };
  const { isGood, text } = await ask(asked);
  out.write(`${asked.socketPath ?? asked.url} ${text}\n`);
  return isGood ? 0 : 1;
}

/** The debug server where there is one: it needs no client certificate. */
function addressOf({ http }: Config): Asked {
  if (http.debug) return local(http.debug.listen, 'http');
  return local(http.listen, http.tls ? 'https' : 'http');
}

function local(listen: Listen, scheme: 'http' | 'https'): Asked {
  if (listen.net === 'unix') return { url: `${scheme}://localhost${DEFAULT_PATH}`, socketPath: listen.path };
  const { host = '127.0.0.1', port } = listen;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return { url: `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}${DEFAULT_PATH}` };
}

function ask({ url, socketPath }: Asked): Promise<{ readonly isGood: boolean; readonly text: string }> {
  return new Promise((resolve) => {
    const asking = open(url, socketPath);
    asking.on('response', (response) => {
      const { statusCode = 0 } = response;
      response.resume();
      resolve({ isGood: statusCode >= 200 && statusCode < 300, text: `answered ${statusCode}` });
    });
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    asking.on('error', (err) => resolve({ isGood: false, text: `cannot be asked: ${err.message}` }));
    asking.end();
  });
}

function open(url: string, socketPath: string | undefined): ClientRequest {
  const options = { agent: false, timeout: TIMEOUT_MS, ...(socketPath !== undefined && { socketPath }) };
  // The certificate is for the name that clients use; nothing secret is sent.
  return url.startsWith('https:')
    ? secureRequest(url, { ...options, rejectUnauthorized: false })
    : request(url, options);
}
