import { RegistryError } from '../oci/errors.ts';
import type { ParsedManifest } from '../oci/manifest.ts';
import { DOCKER_MANIFEST, OCI_MANIFEST } from '../oci/media-types.ts';

const CLASS_OF_CONFIG: Readonly<Record<string, string>> = {
  'application/vnd.docker.container.image.v1+json': 'image',
  'application/vnd.oci.image.config.v1+json': 'image',
  'application/vnd.docker.plugin.v1+json': 'plugin',
};

/**
 * Like distribution's `policy.repository.classes`: the media type of the config is the class of an image manifest.
 *
 * @param allowed empty: all
 * @throws {RegistryError} `DENIED`
 */
export function checkClass({ mediaType, references }: ParsedManifest, allowed: readonly string[]): void {
  if (allowed.length === 0 || (mediaType !== DOCKER_MANIFEST && mediaType !== OCI_MANIFEST)) return;
  const config = references.find(({ kind }) => kind === 'config')?.mediaType ?? '';
  const found = Object.hasOwn(CLASS_OF_CONFIG, config) ? CLASS_OF_CONFIG[config] : undefined;
  if (found === undefined) throw new RegistryError('DENIED', `unknown manifest class for ${config.slice(0, 200)}`);
  if (!allowed.includes(found)) throw new RegistryError('DENIED', `registry does not allow ${found} manifest`);
}
