import { type Digest, isDigest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { parseReference, parseRepositoryName } from '../oci/reference.ts';
import { ImageError } from './image-error.ts';

/** The place of an image, as source or destination. */
export type ImageLocation = RegistryLocation | FileLocation;

export interface RegistryLocation {
  readonly kind: 'registry';
  /** With the port if there is one; `docker.io` for Docker Hub. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

export interface FileLocation {
  readonly kind: 'oci' | 'oci-archive' | 'docker-archive';
  readonly path: string;
  /** A tag, or another name in the layout. */
  readonly name: string | undefined;
  readonly digest: Digest | undefined;
}

const FILE_KINDS: Readonly<Record<string, FileLocation['kind']>> = {
  oci: 'oci',
  'oci-archive': 'oci-archive',
  'docker-archive': 'docker-archive',
};

const DOCKER_HUB = 'docker.io';
const LABEL = '[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?';
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[\\da-f:]+\\])(?::\\d{1,5})?$`, 'i');

/**
 * Reads `alpine:3.20`, `host:5000/app@sha256:…`, `docker://…`, `oci:dir:tag`, `oci-archive:file.tar:tag` and
 * `docker-archive:file.tar:name`. A name without a host is one of Docker Hub.
 *
 * @throws {ImageError}
 */
export function parseLocation(text: string): ImageLocation {
  return parseFileLocation(text) ?? parseRegistryLocation(text);
}

/** Undefined for an image in a registry. @throws {ImageError} */
export function parseFileLocation(text: string): FileLocation | undefined {
  const [, scheme = '', rest = ''] = /^([a-z-]+):(.*)$/s.exec(text) ?? [];
  const kind = FILE_KINDS[scheme];
  return kind && parseFile(kind, rest, text);
}

/** @throws {ImageError} */
export function parseRegistryLocation(text: string): RegistryLocation {
  const name = text.replace(/^docker:\/\//, '');
  const first = /^([^/@]*)\//.exec(name)?.[1] ?? '';
  return isHost(first) ? parseNamed(name.slice(first.length + 1), first, text) : parseNamed(name, DOCKER_HUB, text);
}

/**
 * Reads `team/app:1` and `team/app@sha256:…` of a registry that is known, whose host is never read from the name.
 *
 * @throws {ImageError}
 */
export function parseImageName(name: string, host: string): RegistryLocation {
  return parseNamed(name, host, `${host}/${name}`);
}

/** @param text for messages */
function parseNamed(name: string, host: string, text: string): RegistryLocation {
  const { rest, digest } = takeDigest(name, text);
  const [, repository = '', tag] = /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
  return checked(text, { kind: 'registry', ...hostAndName(host, repository), tag, digest });
}

/** The host of a text that names only a registry: `localhost:5000`, `docker://ghcr.io`; undefined for others. */
export function registryOnly(text: string): string | undefined {
  const host = text.replace(/^docker:\/\//, '').replace(/\/$/, '');
  if (host.includes('/') || !(isHost(host) || text.startsWith('docker://'))) return undefined;
  // `app:1` is an image of Docker Hub; a port is a number after a host.
  return /^(?:[^:]*\.[^:]*|localhost|[^:]+:\d+|\[[\da-f:]+\](?::\d+)?)(?::\d+)?$/i.test(host) ? host : undefined;
}

/** Like docker: the first part is a host when it could not be a part of a name, or is `localhost`. */
function isHost(text: string): boolean {
  return /[.:]/.test(text) || text === 'localhost';
}

function hostAndName(host: string, repository: string): { host: string; repository: string } {
  if (host !== DOCKER_HUB && host !== 'index.docker.io') return { host, repository };
  return { host: DOCKER_HUB, repository: repository.includes('/') ? repository : `library/${repository}` };
}

function checked(text: string, location: RegistryLocation): RegistryLocation {
  if (!HOST.test(location.host)) throw new ImageError(`${text}: ${location.host} is not a host`);
  // Inside a registry, a name does not begin with a host.
  if (/[A-Z:]/.test(location.repository))
    throw new ImageError(`${text}: ${location.repository} is not a repository name`);
  try {
    parseRepositoryName(location.repository);
    if (location.tag !== undefined) parseReference(location.tag);
    return location;
  } catch (err) {
    if (err instanceof RegistryError) throw new ImageError(`${text}: ${err.message}`, { cause: err });
    throw err;
  }
}

/** Like skopeo: the path ends at the first colon. */
function parseFile(kind: FileLocation['kind'], rest: string, text: string): FileLocation {
  const { rest: named, digest } = takeDigest(rest, text);
  const colon = named.indexOf(':');
  const path = colon === -1 ? named : named.slice(0, colon);
  const name = colon === -1 ? undefined : named.slice(colon + 1) || undefined;
  if (path === '') throw new ImageError(`${text}: a path is missing`);
  return { kind, path, name, digest };
}

function takeDigest(name: string, text: string): { rest: string; digest: Digest | undefined } {
  const at = name.lastIndexOf('@');
  if (at === -1) return { rest: name, digest: undefined };
  const digest = name.slice(at + 1);
  if (!isDigest(digest)) throw new ImageError(`${text}: ${JSON.stringify(digest.slice(0, 200))} is not a digest`);
  return { rest: name.slice(0, at), digest };
}
