import { type Digest, digestOf } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import type { HeldContent } from '../registry/held-content.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import type { PushedManifest, Registry, UploadWriter } from '../registry/registry.ts';
import { allowNames } from './allow-names.ts';
import { delegate, delegateUploads } from './delegate.ts';

/** Nothing is refused. */
export const NO_REFUSALS: ContentRefusals = { isEmpty: true, ofName: () => undefined, ofDigest: () => undefined };

/**
 * The same registry, with stored names, without refused content: calls for it reject with the reason, also those for a tag that refers to
 * it, and a manifest that refers to it is not accepted. While nothing is refused, a read costs the check and nothing else.
 */
export function refuseContent(registry: Registry, refusals: ContentRefusals): Registry {
  const named = allowNames(registry, (repository) => refusals.ofName(repository));
  const unless = <T>(repository: string, digest: Digest, call: () => T): T | Promise<never> => {
    const refusal = refusals.ofDigest(repository, digest);
    return refusal ? Promise.reject(refusal) : call();
  };
  return {
    ...delegate(named),
    resolveManifest: (repository, reference, options) =>
      refusals.isEmpty
        ? named.resolveManifest(repository, reference, options)
        : named.resolveManifest(repository, reference, options).then((served) => checked(repository, served, refusals)),
    getManifest: (repository, reference, options) =>
      refusals.isEmpty
        ? named.getManifest(repository, reference, options)
        : named.getManifest(repository, reference, options).then((served) => checked(repository, served, refusals)),
    resolveBlob: (repository, digest, options) =>
      unless(repository, digest, () => named.resolveBlob(repository, digest, options)),
    openBlob: (repository, digest, options) =>
      unless(repository, digest, () => named.openBlob(repository, digest, options)),
    redirectBlob: (repository, digest, request) =>
      unless(repository, digest, () => named.redirectBlob(repository, digest, request)),
    listReferrers: (repository, digest, query, options) =>
      unless(repository, digest, () => named.listReferrers(repository, digest, query, options)),
    async putManifest(repository, manifest, options) {
      if (!refusals.isEmpty) throwIfRefused(repository, manifest, refusals);
      return named.putManifest(repository, manifest, options);
    },
    uploads: refuseUploads(named.uploads, refusals),
  };
}

/**
 * The same for content in memory: refused content has to be looked up, which is refused.
 *
 * @param storedName of a name in `held`
 */
export function refuseHeld(
  held: HeldContent,
  refusals: ContentRefusals,
  storedName: (repository: string) => string = (repository) => repository,
): HeldContent {
  const isRefused = (repository: string, digest: Digest) => {
    const stored = storedName(repository);
    return (refusals.ofName(stored) ?? refusals.ofDigest(stored, digest)) !== undefined;
  };
  return {
    manifest(repository, reference) {
      const manifest = held.manifest(repository, reference);
      return manifest && !isRefused(repository, manifest.digest) ? manifest : undefined;
    },
    blob: (repository, digest) => (isRefused(repository, digest) ? undefined : held.blob(repository, digest)),
  };
}

function refuseUploads(writer: UploadWriter, refusals: ContentRefusals): UploadWriter {
  return {
    ...delegateUploads(writer),
    async finish(repository, upload, last, options) {
      const refusal = refusals.ofDigest(repository, last.digest);
      if (!refusal) return writer.finish(repository, upload, last, options);
      await writer.cancel(repository, upload, options).catch(() => {}); // it is purged later
      throw refusal;
    },
    async mount(repository, digest, source, options) {
      const refusal = refusals.ofDigest(repository, digest);
      if (refusal) throw refusal;
      return writer.mount(repository, digest, source, options);
    },
  };
}

function checked<T extends { readonly digest: Digest }>(repository: string, served: T, refusals: ContentRefusals): T {
  const refusal = refusals.ofDigest(repository, served.digest);
  if (refusal) throw refusal;
  return served;
}

/** @throws {RegistryError} for a manifest that is refused, or refers to refused content */
export function throwIfRefused(
  repository: string,
  { bytes, reference }: Pick<PushedManifest, 'bytes' | 'reference'>,
  refusals: ContentRefusals,
): void {
  const digests = [digestOf(bytes), ...(reference.kind === 'digest' ? [reference.digest] : []), ...partsOf(bytes)];
  for (const digest of digests) checked(repository, { digest }, refusals);
}

function partsOf(bytes: Buffer): readonly Digest[] {
  try {
    const { references, subject } = readManifest(bytes).manifest;
    return [...references, ...(subject ? [subject] : [])].map(({ digest }) => digest);
  } catch {
    return []; // the registry refuses bytes that are no manifest
  }
}
