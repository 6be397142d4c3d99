import { z } from 'zod';
import { withoutApiRoot } from '../api-root.ts';
import { parseHttpUrl, parseNetwork, parseTcpAddress } from '../units.ts';
import { InvalidValueError, scalar } from './scalar.ts';
import { matching } from './text.ts';

/** A URL as it was written. */
export const httpUrl = (description: string) =>
  scalar(description, {
    expected: 'must be an http or https URL',
    json: { type: 'string', pattern: '^https?://' },
    format: 'URL',
    parse: (value) => parseHttpUrl(value) && value,
  });

/**
 * The address of a registry. Slashes and `/v2` at its end are removed, because clients append `/v2/`.
 *
 * Credentials in it would appear in logs, and a query or fragment would be lost.
 */
export const registryUrl = (description: string) =>
  scalar(description, {
    expected: 'must be a URL such as https://registry-1.docker.io',
    json: { type: 'string', pattern: '^https?://' },
    format: 'URL',
    parse: parseRegistryUrl,
  });

function parseRegistryUrl(value: string): string | undefined {
  const url = parseHttpUrl(value);
  if (url === undefined) return undefined;
  if (url.username || url.password)
    throw new InvalidValueError('must not contain a user name or password; use credentials');
  if (url.search || url.hash) throw new InvalidValueError('must not contain a query or fragment');
  if (DOCKER_SITES.includes(url.hostname))
    throw new InvalidValueError(`${url.hostname} is a web site; use https://registry-1.docker.io for Docker Hub`);
  return withoutApiRoot(url);
}

/** Names of Docker Hub that people write, where no registry responds. */
const DOCKER_SITES: readonly string[] = ['docker.io', 'hub.docker.com', 'www.docker.com', 'docker.com'];

export const tcpAddress = (description: string) =>
  scalar(description, {
    expected: 'must be an address such as :5000, 127.0.0.1:5000 or [::1]:5000',
    json: { type: 'string' },
    format: 'address',
    parse: parseTcpAddress,
  });

/** Peers: an address, a network, or all peers on a unix socket. */
export const network = (description: string) =>
  scalar(description, {
    expected: 'must be an address such as 10.0.0.1 or fd00::1, a network such as 10.0.0.0/8, or unix',
    json: { type: 'string' },
    format: 'address, network, `unix`',
    parse: parseNetwork,
  });

/** Values of `Host` headers. Without ports, which are not compared. */
export const hosts = (description: string) =>
  z
    .array(
      matching('A name or an IP address, without a port.', {
        pattern: /^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$/,
        expected: 'must be a name or an IP address, without a port',
        format: 'host',
      }),
    )
    .describe(description);
