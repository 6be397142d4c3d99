import { WatchedFile } from '../../files/watched-file.ts';
import { type Credentials, CredentialsError, type CredentialsSource, failedToLoad } from './credentials.ts';
import { HelperCache, type HelperCacheOptions } from './credential-helper.ts';

/** Docker Hub's credentials have the URL of a former API as their key. */
const HUB_KEY = 'https://index.docker.io/v1/';
const HUB_HOSTS = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']);

/** Another login can replace the result at any time. Milliseconds. */
const HELPER_LIFETIME_MS = 60_000;

/**
 * A docker `config.json`, read again when it changes. Like docker, it prefers the host's own helper to the
 * common store, and both to entries in the file itself.
 *
 * @see https://docs.docker.com/reference/cli/docker/login/#credential-stores
 */
export function dockerConfigCredentials(
  path: string,
  options: Omit<HelperCacheOptions, 'lifetimeMs'>,
): CredentialsSource {
  const cache = new HelperCache({ ...options, lifetimeMs: HELPER_LIFETIME_MS });
  const file = new WatchedFile({ path, parse: (bytes) => parseDockerConfig(bytes.toString('utf8'), path) });
  const find = async (host: string) => {
    const config = await file.load().catch(failedToLoad);
    const key = canonicalKey(host);
    const helper = config.credHelpers.get(key) ?? config.credsStore;
    const server = HUB_HOSTS.has(host) ? HUB_KEY : host;
    const helped = helper && (await cache.find(`docker-credential-${helper}`, server));
    return helped || config.auths.get(key);
  };
  return { kind: 'dockerconfig', knowsHosts: true, find, forget: () => cache.forget() };
}

interface DockerConfig {
  readonly auths: ReadonlyMap<string, Credentials>;
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string | undefined;
}

function parseDockerConfig(text: string, path: string): DockerConfig {
  const json = parseObject(text, path);
  const auths = entries(json.auths).flatMap(([key, value]) => {
    const credentials = authEntry(value);
    return credentials ? [[canonicalKey(key), credentials] as const] : [];
  });
  const credHelpers = entries(json.credHelpers).flatMap(([key, value]) => {
    const helper = helperName(value);
    return helper === undefined ? [] : [[canonicalKey(key), helper] as const];
  });
  return { auths: new Map(auths), credHelpers: new Map(credHelpers), credsStore: helperName(json.credsStore) };
}

function parseObject(text: string, path: string): Record<string, unknown> {
  try {
    return Object.fromEntries(entries(JSON.parse(text)));
  } catch {
    // The syntax error would quote the file.
    throw new CredentialsError(`${path} is not JSON`);
  }
}

function authEntry(value: unknown): Credentials | undefined {
  const { identitytoken, auth, username, password } = Object.fromEntries(entries(value));
  if (typeof identitytoken === 'string' && identitytoken !== '')
    return { kind: 'identity-token', token: identitytoken };
  if (typeof username === 'string' && typeof password === 'string' && username !== '') {
    return { kind: 'basic', username, password };
  }
  const decoded = typeof auth === 'string' ? Buffer.from(auth, 'base64').toString('utf8') : '';
  const colon = decoded.indexOf(':');
  if (colon <= 0) return undefined;
  // Docker pads the decoded text with NUL bytes.
  return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') };
}

/** It becomes part of a command's name, so it must not lead to another directory. */
function helperName(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9][\w.-]*$/.test(value) ? value : undefined;
}

/** Keys are hosts, with or without scheme and path: `ghcr.io`, `https://ghcr.io/v2/`. */
function canonicalKey(key: string): string {
  const host = key
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/, '')
    .toLowerCase();
  return HUB_HOSTS.has(host) ? HUB_KEY : host;
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
