import { RegistryError } from '../oci/errors.ts';
import { referenceText, type Reference } from '../oci/reference.ts';
import type { RegistryDeleter, RegistryReader } from '../registry/registry.ts';
import { ImageError } from './image-error.ts';
import type { RegistryLocation } from './location.ts';

/**
 * Deletes a tag, or a manifest with all of its tags. An image without tag and digest is refused: a deletion should not guess `latest`.
 *
 * @throws {ImageError} | {RegistryError}
 */
export async function deleteImage(
  registry: Pick<RegistryDeleter, 'deleteManifest'> & Pick<RegistryReader, 'resolveManifest'>,
  { host, repository, tag, digest }: RegistryLocation,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const name = `${host}/${repository}`;
  if (tag !== undefined && digest !== undefined)
    throw new ImageError(
      `${name}: name a tag or a digest, not both (a tag leaves the manifest, a digest deletes all tags)`,
    );
  if (tag === undefined && digest === undefined) throw new ImageError(`${name}: name the tag or the digest to delete`);
  const reference: Reference = digest === undefined ? { kind: 'tag', tag: tag ?? '' } : { kind: 'digest', digest };
  try {
    await registry.deleteManifest(repository, reference, { signal });
  } catch (cause) {
    if (reference.kind === 'digest' || !isUnsupported(cause)) throw cause;
    const { digest: found } = await registry.resolveManifest(repository, reference, { signal });
    const advice = `delete the manifest, with all of its tags: layover image delete ${name}@${found}`;
    throw new ImageError(`${name}:${referenceText(reference)}: the registry refuses to delete a tag (${advice})`, {
      cause,
    });
  }
}

/** Distribution 2.8 reads the tag as a digest. */
function isUnsupported(err: unknown): boolean {
  return err instanceof RegistryError && (err.code === 'UNSUPPORTED' || err.code === 'DIGEST_INVALID');
}
