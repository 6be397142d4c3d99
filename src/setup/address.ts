import { SetupError } from './setup-error.ts';

/** Where clients reach the cache. */
export interface CacheAddress {
  /** Such as `https://cache.example.com`. */
  readonly origin: string;
  /** With the port, unless it is that of the scheme. */
  readonly host: string;
  /** It has no TLS. */
  readonly isPlain: boolean;
  readonly isLoopback: boolean;
}

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
/** Of a name or an IPv4 address. Addresses and names are part of paths, commands and several languages: no other characters. */
const NAME = `${LABEL}(?:\\.${LABEL})*`;
const HOSTNAME = new RegExp(`^(?:${NAME}|\\[[0-9a-f:.]+\\])$`);
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** @param option that has the text @throws {SetupError} for a text that is not the URL of a host */
export function parseCacheAddress(text: string, option = '--address'): CacheAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new SetupError(
      `${option}: ${text} is not a URL such as https://cache.example.com (include http:// or https://)`,
    );
  if (!HOSTNAME.test(url.hostname))
    throw new SetupError(
      `${option}: ${url.hostname} is not the name of a host (use letters, digits, dots and hyphens)`,
    );
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '' || url.pathname !== '/')
    throw new SetupError(`${option}: ${text} has more than scheme, host and port, which clients cannot use`);
  return {
    origin: url.origin,
    host: url.host,
    isPlain: url.protocol === 'http:',
    isLoopback: LOOPBACK.test(url.hostname),
  };
}

const REGISTRY = new RegExp(`^${NAME}(?::\\d{1,5})?$`);

export function isRegistryName(name: string): boolean {
  return REGISTRY.test(name);
}

/** @param text names with commas between them @throws {SetupError} */
export function parseRegistries(text: string): readonly string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  for (const name of names) {
    if (!isRegistryName(name))
      throw new SetupError(
        `registries: ${name} is not the name of a registry, such as ghcr.io or registry.example.com:5000`,
      );
  }
  return [...new Set(names)];
}
