import type { Config, Listen } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import { boundedFetch } from '../fetch/bounded-fetch.ts';
import type { Output } from './config.ts';

export interface HealthcheckOptions {
  /** Path of the server's configuration. */
  readonly file: string | undefined;
  /** Overrides the address in the configuration. */
  readonly url: string | undefined;
  readonly env: Environment;
  readonly out: Output;
}

interface Target {
  readonly url: string;
  readonly socketPath?: string | undefined;
}

/** Shorter than the timeout of container runtimes, which kill the command. Milliseconds. */
const TIMEOUT_MS = 4_000;
/** Only the status counts, but a page such as `/metrics` is read to its end. */
const MAX_BYTES = 64 * 1024 * 1024;
const DEFAULT_PATH = '/readyz';

/**
 * `healthcheck`: requests `/readyz` of the server on this machine, for images without curl.
 *
 * @returns the exit code: 0, or 1 when the server is not ready or not reachable
 * @throws {ConfigError}
 */
export async function healthcheck({ file, url, env, out }: HealthcheckOptions): Promise<number> {
  const target = url === undefined ? addressOf((await loadConfig({ file, env })).config) : { url };
  const { isGood, text } = await check(target);
  out.write(`${target.socketPath ?? target.url} ${text}\n`);
  return isGood ? 0 : 1;
}

/** Prefers the debug server, which needs no client certificate. */
function addressOf({ http }: Config): Target {
  if (http.debug) return local(http.debug.listen, 'http');
  return local(http.listen, http.tls ? 'https' : 'http');
}

function local(listen: Listen, scheme: 'http' | 'https'): Target {
  if (listen.net === 'unix') return { url: `${scheme}://localhost${DEFAULT_PATH}`, socketPath: listen.path };
  const { host = '127.0.0.1', port } = listen;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return { url: `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}${DEFAULT_PATH}` };
}

/** The certificate is not verified: it is for the name that clients use, and the request contains no secrets. */
async function check({ url, socketPath }: Target): Promise<{ readonly isGood: boolean; readonly text: string }> {
  const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES };
  try {
    const { status } = await boundedFetch(url, { socketPath, rejectUnauthorized: false, ...limits });
    return { isGood: status >= 200 && status < 300, text: `responded with ${status}` };
  } catch (err) {
    return { isGood: false, text: `is not reachable: ${err instanceof Error ? err.message : String(err)}` };
  }
}
