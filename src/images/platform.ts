import { digestOf } from '../oci/digest.ts';
import type { ManifestReference } from '../oci/manifest.ts';
import { ImageError } from './image-error.ts';
import { indexObject } from './index-json.ts';
import type { ImageManifest } from './image-source.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** @throws {ImageError} unless it is `os/architecture` or `os/architecture/variant` */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant, ...more] = text.split('/');
  const isOne = [os, architecture, variant ?? 'x'].every((part) => /^[A-Za-z0-9._-]+$/.test(part)) && more.length === 0;
  if (!isOne) throw new ImageError(`${text}: a platform looks like linux/amd64 or linux/arm/v7`);
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

/** `linux/arm/v7`; undefined without operating system or architecture. */
export function platformText(platform: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const { os, architecture, variant } = platform ?? {};
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined;
  return [os, architecture, ...(typeof variant === 'string' && variant !== '' ? [variant] : [])].join('/');
}

/** Without a variant every variant matches, and arm64 is always v8. */
export function matches(wanted: Platform, platform: Readonly<Record<string, unknown>> | undefined): boolean {
  const { os, architecture, variant } = platform ?? {};
  if (os !== wanted.os || architecture !== wanted.architecture) return false;
  const isSame = wanted.variant === undefined || variant === wanted.variant;
  return isSame || (architecture === 'arm64' && wanted.variant === 'v8' && (variant === undefined || variant === ''));
}

export function currentPlatform(): Platform {
  const architecture = { x64: 'amd64', ia32: '386' }[process.arch as string] ?? process.arch;
  return { os: 'linux', architecture };
}

/**
 * Digests of the images of an index that are for one of the platforms.
 *
 * @throws {ImageError} when there is none for one of them; the message lists the platforms
 */
export function selectImages(
  entries: readonly ManifestReference[],
  platforms: readonly Platform[],
  name: string,
): ReadonlySet<string> {
  const chosen = new Set<string>();
  for (const wanted of platforms) {
    const found = entries.filter(({ platform }) => matches(wanted, platform));
    if (found.length === 0) throw noneFor(wanted, entries, name);
    for (const { digest } of wanted.variant === undefined ? found.slice(0, 1) : found) chosen.add(digest);
  }
  return chosen;
}

function noneFor(wanted: Platform, entries: readonly ManifestReference[], name: string): ImageError {
  const known = entries.map(({ platform }) => platformText(platform)).filter((text) => text !== undefined);
  const there = known.filter((text) => text !== 'unknown/unknown').join(', ') || 'no platform';
  return new ImageError(`${name}: no image for ${platformText({ ...wanted }) ?? ''}; it contains ${there}`);
}

/** Annotation of BuildKit, on an attestation, with the digest of its image: moby/buildkit, docs/attestations/attestation-storage.md */
const ATTESTED = 'vnd.docker.reference.digest';

/** The same index with some of its images, and their attestations. Its digest is another one. */
export function narrowIndex(
  { bytes, mediaType }: ImageManifest,
  chosen: ReadonlySet<string>,
  name: string,
): ImageManifest {
  const index = indexObject(bytes, name);
  const entries = index.manifests as { readonly digest: string; readonly annotations?: Record<string, unknown> }[];
  const manifests = entries.filter(
    ({ digest, annotations }) => chosen.has(digest) || chosen.has(String(annotations?.[ATTESTED])),
  );
  const narrowed = Buffer.from(JSON.stringify({ ...index, manifests }));
  return { mediaType, bytes: narrowed, size: narrowed.length, digest: digestOf(narrowed) };
}
