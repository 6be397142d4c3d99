import type { ImageFinder } from './found-images.ts';
import { isObject, listOf, textOf, type YamlObject, type YamlValue } from './yaml-documents.ts';

/** @see https://docs.hauler.dev/docs/guides-references/manifests */
export function isHauler({ apiVersion }: YamlObject): boolean {
  return textOf(apiVersion)?.startsWith('content.hauler.cattle.io/') === true;
}

/** Charts and files of hauler are not images. */
export function findInHauler({ kind, spec }: YamlObject, found: ImageFinder): void {
  if (kind !== 'Images' || !isObject(spec)) return;
  for (const image of listOf(spec.images)) {
    const name = isObject(image) ? textOf(image.name) : undefined;
    if (name === undefined) found.refuse('an image without a name', 'Images');
    else found.add(name, 'Images');
  }
}

const SKOPEO_KEYS = ['images', 'images-by-tag-regex', 'images-by-semver'];

/** Hosts with their images. @see https://github.com/containers/skopeo/blob/v1.20.0/docs/skopeo-sync.1.md */
export function isSkopeo(document: YamlObject): boolean {
  const hosts = Object.values(document);
  return hosts.length > 0 && hosts.every((host) => isObject(host) && SKOPEO_KEYS.some((key) => isObject(host[key])));
}

export function findInSkopeo(document: YamlObject, found: ImageFinder): void {
  for (const [host, config] of Object.entries(document)) {
    if (!isObject(config)) continue;
    for (const [repository, tags] of entriesOf(config.images)) {
      if (listOf(tags).length === 0) found.refuse('all tags of a repository (list the tags)', `${host}/${repository}`);
      for (const tag of listOf(tags).filter((one) => typeof one === 'string')) {
        found.add(`${host}/${repository}${tag.includes(':') ? '@' : ':'}${tag}`);
      }
    }
    for (const key of SKOPEO_KEYS.slice(1)) {
      for (const [repository] of entriesOf(config[key])) {
        found.refuse(`${key} selects tags by a rule (list the tags)`, `${host}/${repository}`);
      }
    }
  }
}

function entriesOf(value: YamlValue | undefined): [string, YamlValue | undefined][] {
  return isObject(value) ? Object.entries(value) : [];
}
