import type { Config } from '../config/config.ts';
import { parseCacheAddress } from '../setup/address.ts';

/** Where the server of a configuration is reached from this machine. Empty for a unix socket. */
export function serverUrl({ http: { listen, tls } }: Config): string {
  if (listen.net === 'unix') return '';
  const { host, port } = listen;
  const reachable = host === undefined || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `${tls ? 'https' : 'http'}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** @param text of `--server` @returns the origin @throws {SetupError} for a text that is not the URL of a host */
export function parseServerUrl(text: string): string {
  return parseCacheAddress(text, '--server').origin;
}
