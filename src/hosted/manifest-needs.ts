import type { Need } from '../content/manifest-push.ts';
import { RegistryError } from '../oci/errors.ts';
import type { ManifestReference, ParsedManifest } from '../oci/manifest.ts';
import { MANIFEST_MEDIA_TYPES, NON_DISTRIBUTABLE_LAYERS } from '../oci/media-types.ts';

/** What a pushed manifest must satisfy beyond the specification. */
export interface ManifestValidation {
  /** URLs of layers that are accepted; empty: all. */
  readonly allow: readonly UrlPattern[];
  readonly deny: readonly UrlPattern[];
  /** Entries of an image index that the repository must have. */
  readonly platforms: 'all' | 'none' | readonly Platform[];
}

interface UrlPattern {
  /** Whether it is found in the URL. */
  test(url: string): boolean;
}

interface Platform {
  readonly os: string | undefined;
  readonly architecture: string | undefined;
}

const AS_BLOB: Need['kinds'] = ['blob'];
const AS_MANIFEST: Need['kinds'] = ['manifest'];
const AS_EITHER: Need['kinds'] = ['manifest', 'blob'];

/**
 * The content that a repository must have before a manifest is accepted. Not the subject: the specification lets it follow later, or never.
 *
 * @param validation absent: nothing is required
 * @throws {RegistryError} `MANIFEST_INVALID` for a URL that is not allowed
 */
export function needsOf({ references }: ParsedManifest, validation: ManifestValidation | undefined): Need[] {
  if (!validation) return [];
  const needs = new Map<string, Need>();
  for (const reference of references) {
    const { digest, urls } = reference;
    if (urls) checkUrls({ digest, urls }, validation);
    if (isNeeded(reference, validation)) needs.set(digest, { digest, kinds: kindsOf(reference) });
  }
  return [...needs.values()];
}

function isNeeded(reference: ManifestReference, { platforms }: ManifestValidation): boolean {
  const { kind, mediaType, urls, platform } = reference;
  if (kind !== 'manifest') return !urls?.length || !NON_DISTRIBUTABLE_LAYERS.includes(mediaType);
  if (platforms === 'all' || platforms === 'none') return platforms === 'all';
  if (!platform) return false;
  return platforms.some(({ os, architecture }) => platform['os'] === os && platform['architecture'] === architecture);
}

/** An index may also list layers, which are blobs, as BuildKit's caches do. */
function kindsOf({ kind, mediaType }: ManifestReference): Need['kinds'] {
  if (kind !== 'manifest') return AS_BLOB;
  return MANIFEST_MEDIA_TYPES.includes(mediaType) ? AS_MANIFEST : AS_EITHER;
}

/** Longer than any client or server accepts. */
const MAX_URL_LENGTH = 8192;

/** Like distribution: http or https, no fragment, allowed and not denied; a pattern matches anywhere in the URL. */
function checkUrls(
  { digest, urls }: { readonly digest: string; readonly urls: readonly string[] },
  { allow, deny }: ManifestValidation,
): void {
  const isAllowed = (url: string) => allow.length === 0 || allow.some((pattern) => pattern.test(url));
  for (const url of urls) {
    const isShort = url.length <= MAX_URL_LENGTH;
    const isHttp = isShort && /^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '');
    if (isHttp && !url.includes('#') && isAllowed(url) && !deny.some((pattern) => pattern.test(url))) continue;
    throw new RegistryError(
      'MANIFEST_INVALID',
      `manifest invalid: ${JSON.stringify(url.slice(0, 200))} is not allowed here`,
      {
        detail: { digest },
      },
    );
  }
}
