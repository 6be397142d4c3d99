import { alternativesOf, GLOBSTAR, GlobError, parseSegments } from '../matching/glob-syntax.ts';
import { matchSegment } from '../matching/glob.ts';
import type { Finding, KeyPath } from './problem.ts';
import { plainAt, textAt } from './tree.ts';
import { aliasesOf, upstreamNameOf } from './upstream-name.ts';

/** The prefix of an upstream's names in the storage, and the prefixes that clients use. */
interface Place {
  /** `upstreams[0]`, or `remoteurl`. */
  readonly label: string;
  /** Of the key that decides about the prefix. */
  readonly path: KeyPath;
  readonly name: string;
  /** Without slashes at its ends. */
  readonly prefix: string;
  readonly isPrefixGiven: boolean;
  /** In paths of clients. */
  readonly hosts: readonly string[];
}

/**
 * Names that two upstreams, or an upstream and a pushing client, could both store: one's content would be served as the other's.
 *
 * An upstream without a prefix shares its names with `proxy.hosted` by design: a name means the same for all clients; see
 * {@link findSharedNames}.
 */
export function findOverlaps(plain: unknown): Finding[] {
  const places = placesOf(plain);
  return [
    ...places.flatMap((place, i) => places.slice(0, i).flatMap((other) => betweenUpstreams(place, other))),
    ...withHosted(plain, places),
  ];
}

function betweenUpstreams(place: Place, other: Place): Finding[] {
  // Two upstreams with one name are reported as such.
  const isSameUpstream = place.name === other.name && !place.isPrefixGiven && !other.isPrefixGiven;
  if (isSameUpstream || !(isBelow(place.prefix, other.prefix) || isBelow(other.prefix, place.prefix))) return [];
  // The one without a prefix has all names but those below the prefix of the other: the router refuses these.
  if ((place.prefix === '') !== (other.prefix === '')) return [];
  const message = `overlaps the names of ${other.label} in the storage (${describe(place)}, ${describe(other)}): give each a prefix that is not below the other's`;
  return [{ path: place.path, part: 'value', message, other: other.path }];
}

function isBelow(prefix: string, other: string): boolean {
  return other === '' || `${prefix}/`.startsWith(`${other}/`);
}

function describe({ prefix }: Place): string {
  return prefix === '' ? 'no prefix' : `${prefix}/`;
}

function withHosted(plain: unknown, places: readonly Place[]): Finding[] {
  return hostedOf(plain).flatMap(([i, glob]) =>
    places.flatMap((place): Finding[] => {
      const taken = [place.prefix, ...place.hosts].find((prefix) => prefix !== '' && canBeBelow(glob, prefix));
      if (taken === undefined) return [];
      const message = `hosts names below ${taken}/, which are those of ${place.label}: pushed content would be served as that of the upstream (choose other names)`;
      return [{ path: ['proxy', 'hosted', i], part: 'value', message, other: place.path }];
    }),
  );
}

function hostedOf(plain: unknown): [number, string][] {
  const hosted = plainAt(plain, ['proxy', 'hosted']);
  if (!Array.isArray(hosted)) return [];
  return [...hosted.entries()].filter((entry): entry is [number, string] => typeof entry[1] === 'string');
}

/** Whether a glob matches any name below a path. */
export function canBeBelow(glob: string, path: string): boolean {
  if (glob.startsWith('!')) return true;
  try {
    return alternativesOf(glob).some((alternative) => canReach(alternative, path.split('/')));
  } catch (err) {
    if (err instanceof GlobError) return false; // the schema reports it
    throw err;
  }
}

function canReach(glob: string, parts: readonly string[]): boolean {
  const segments = parseSegments(glob, 'path');
  for (const [i, part] of parts.entries()) {
    const segment = segments[i];
    if (segment === GLOBSTAR) return true;
    if (segment === undefined || !matchSegment(segment, part)) return false;
  }
  return segments.length > parts.length;
}

function placesOf(plain: unknown): Place[] {
  const upstreams = plainAt(plain, ['proxy', 'upstreams']);
  const remoteUrl = textAt(plain, ['proxy', 'remoteurl']);
  if (remoteUrl !== undefined) {
    const only = { remoteurl: remoteUrl, storeprefix: '' };
    return placeOf(only, { label: 'remoteurl', path: ['proxy', 'remoteurl'] });
  }
  if (!Array.isArray(upstreams)) return [];
  return upstreams.flatMap((upstream, i) =>
    placeOf(upstream, { label: `upstreams[${i}]`, path: ['proxy', 'upstreams', i, 'storeprefix'] }),
  );
}

function placeOf(upstream: unknown, where: Pick<Place, 'label' | 'path'>): Place[] {
  const name = textAt(upstream, ['name']) ?? upstreamNameOf(textAt(upstream, ['remoteurl']) ?? '');
  if (name === undefined) return [];
  const given = textAt(upstream, ['storeprefix']);
  const aliases = plainAt(upstream, ['aliases']);
  const configured = Array.isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : [];
  const prefix = (given ?? name).replace(/^\/+|\/+$/g, '');
  return [
    { ...where, name, prefix, isPrefixGiven: given !== undefined, hosts: [name, ...aliasesOf(name, configured)] },
  ];
}

/** Hosted names that hide those of an upstream. */
export function findSharedNames(plain: unknown): Finding[] {
  const place = placesOf(plain).find(({ prefix }) => prefix === '');
  if (place === undefined || hostedOf(plain).length === 0) return [];
  const message = `${place.name} is stored without a prefix, so its content with these names cannot be pulled`;
  return [{ path: ['proxy', 'hosted'], part: 'key', message }];
}
