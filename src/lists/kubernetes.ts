import type { ImageFinder } from './found-images.ts';
import { isObject, textOf, type YamlObject, type YamlValue } from './yaml-documents.ts';

/** Lists of containers; elsewhere, `image` may be anything. */
const CONTAINERS = ['containers', 'initContainers', 'ephemeralContainers'];
/** A name with a tag, a digest or a path. `image: logo.png` of some object is not one. */
const LIKELY_NAME =
  /^(?:[\w.-]+(?::\d+)?\/)*[\w.-]+(?:(?::[\w.-]+)?@[a-z0-9]+:[0-9a-f]+|:[\w.-]+)$|^[\w.-]+(?::\d+)?(?:\/[\w.-]+)+$/;
/** Variables with the images that an operator starts. */
const RELATED_IMAGE = /^RELATED_IMAGE_/;
const NOT_TEXT = 'an image that is not text (render templates first, as with helm template)';
/** Deeper objects are not Kubernetes'. */
const MAX_DEPTH = 100;

/**
 * The images of Kubernetes objects: of every kind of container, of image volumes, and each `image` in custom resources, as text or as
 * `repository` with `tag` or `digest`.
 */
export function findInObject(document: YamlObject, found: ImageFinder): void {
  const walk = new Walk(describe(document), found);
  walk.visit(document, 0);
}

/** `Deployment web` */
function describe({ kind, metadata }: YamlObject): string | undefined {
  const name = isObject(metadata) ? (textOf(metadata.name) ?? textOf(metadata.generateName)) : undefined;
  return [textOf(kind), name].filter((part) => part !== undefined).join(' ') || undefined;
}

function isLikelyName(text: string): boolean {
  return text.length <= 512 && LIKELY_NAME.test(text);
}

class Walk {
  readonly #place: string | undefined;
  readonly #found: ImageFinder;
  /** By aliases, an object may be at many places. */
  readonly #seen = new Set<object>();

  constructor(place: string | undefined, found: ImageFinder) {
    this.#place = place;
    this.#found = found;
  }

  visit(value: YamlValue, depth: number, key = ''): void {
    if (value === null || typeof value === 'string' || this.#seen.has(value) || depth > MAX_DEPTH) return;
    this.#seen.add(value);
    if (!isObject(value)) {
      for (const item of value) this.#item(item, depth, key);
      return;
    }
    this.#relatedImage(value);
    for (const [name, child] of Object.entries(value)) {
      if (child === undefined) continue;
      if (name === 'image') this.#image(child, CONTAINERS.includes(key));
      this.visit(child, depth + 1, name);
    }
  }

  #item(item: YamlValue, depth: number, key: string): void {
    // A list at the top of a file: of names, or of objects.
    if (typeof item === 'string' && key === '' && item !== '') this.#found.add(item, this.#place);
    else this.visit(item, depth + 1, key);
  }

  #image(image: YamlValue, isContainer: boolean): void {
    const text = isObject(image) ? nameOf(image) : textOf(image);
    if (text === undefined && isContainer) this.#found.refuse(NOT_TEXT, this.#place);
    if (text !== undefined && (isContainer || isLikelyName(text))) this.#found.add(text, this.#place);
  }

  #relatedImage({ name, value }: YamlObject): void {
    const image = textOf(value);
    if (image !== undefined && RELATED_IMAGE.test(textOf(name) ?? '')) this.#found.add(image, this.#place);
  }
}

/** An image volume has a `reference`; charts and operators use the other form. */
function nameOf({ reference, registry, repository, tag, digest }: YamlObject): string | undefined {
  const base = textOf(repository);
  if (base === undefined) return textOf(reference);
  const host = textOf(registry);
  const [named, locked] = [textOf(tag), textOf(digest)];
  return `${host === undefined ? '' : `${host}/`}${base}${named === undefined ? '' : `:${named}`}${locked === undefined ? '' : `@${locked}`}`;
}
