import { stringify } from 'yaml';

import { ImageError } from '../images/image-error.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { isTag } from '../oci/reference.ts';
import { ImageFinder } from './found-images.ts';
import { isObject, listOf, parseDocuments, textOf, type YamlObject, type YamlValue } from './yaml-documents.ts';

/** The images of some lists, by digest. */
export interface Lock {
  /** As they were requested. Empty: all. */
  readonly platforms: readonly string[];
  /** Sorted by name. */
  readonly images: readonly LockedImage[];
}

export interface LockedImage {
  /** With host, repository and tag, or digest. */
  readonly name: string;
  readonly digest: Digest;
  /** Bytes of all manifests and blobs, each once. */
  readonly size: number;
  /** Of an index: the chosen manifests below it. */
  readonly manifests: readonly LockedManifest[];
  readonly attachments: readonly LockedAttachment[];
}

export interface LockedManifest {
  readonly digest: Digest;
  /** Absent for attestations of BuildKit. */
  readonly platform?: string;
}

/** A signature, an SBOM or another manifest that is attached. */
export interface LockedAttachment {
  readonly digest: Digest;
  /** Absent when it is a referrer. */
  readonly tag?: string;
  readonly type?: string;
}

const VERSION = '1';
const VERSION_KEY = 'layoverLock';
const HEADER = '# Written by layover lock.\n';

/** The same images always have the same text. */
export function formatLock({ platforms, images }: Lock): string {
  const content = {
    layoverLock: Number(VERSION),
    ...(platforms.length > 0 && { platforms }),
    images: images.map(({ manifests, attachments, ...image }) => ({
      ...image,
      ...(manifests.length > 0 && { manifests }),
      ...(attachments.length > 0 && { attachments }),
    })),
  };
  return HEADER + stringify(content, { lineWidth: 0, aliasDuplicateObjects: false });
}

export function isLock({ layoverLock }: YamlObject): boolean {
  return layoverLock !== undefined;
}

/** The names of a lock, to be resolved again. */
export function findInLock({ images, platforms }: YamlObject, found: ImageFinder): void {
  const wanted = textsOf(platforms);
  for (const image of listOf(images)) {
    const name = isObject(image) ? textOf(image.name) : undefined;
    if (name === undefined) found.refuse('an image without a name');
    else found.addLocked(name, wanted);
  }
}

function textsOf(value: YamlValue | undefined): string[] {
  return listOf(value).filter((text) => typeof text === 'string');
}

/** @throws {ImageError} when it is not a lock, or is damaged */
export function parseLock(text: string, origin: string): Lock {
  const found = new ImageFinder(origin);
  const [document, ...others] = parseDocuments(text, found);
  const [problem] = found.problems;
  if (!text.includes(VERSION_KEY))
    throw new ImageError(`${origin}: not a lock (make one of a list of images: layover lock ${origin})`);
  if (problem) throw new ImageError(`${problem.origin}: ${problem.message}`);
  if (!document || others.length > 0 || !isLock(document))
    throw new ImageError(`${origin}: not a lock of layover lock`);
  if (document.layoverLock !== VERSION)
    throw new ImageError(
      `${origin}: a lock of version ${JSON.stringify(document.layoverLock)}; this program reads ${VERSION}`,
    );
  return {
    platforms: textsOf(document.platforms),
    images: listOf(document.images).map((image) => parseImage(image, origin)),
  };
}

function parseImage(value: YamlValue, origin: string): LockedImage {
  const image = isObject(value) ? value : {};
  const name = textOf(image.name);
  if (name === undefined) throw new ImageError(`${origin}: an image without a name`);
  const size = Number(image.size);
  if (!Number.isSafeInteger(size) || size < 0)
    throw new ImageError(`${origin}: ${name}: size is not a number of bytes`);
  const parts = (list: YamlValue | undefined) => listOf(list).map((part) => (isObject(part) ? part : {}));
  return {
    name,
    digest: digestOf(image, `${origin}: ${name}`),
    size,
    manifests: parts(image.manifests).map((part) => ({
      digest: digestOf(part, `${origin}: ${name}`),
      ...optional('platform', part),
    })),
    attachments: parts(image.attachments).map((part) => ({
      digest: digestOf(part, `${origin}: ${name}`),
      ...tagOf(part, `${origin}: ${name}`),
      ...optional('type', part),
    })),
  };
}

function digestOf({ digest }: YamlObject, place: string): Digest {
  if (typeof digest !== 'string' || !isDigest(digest)) throw new ImageError(`${place}: a digest is missing or invalid`);
  return digest;
}

function tagOf(part: YamlObject, place: string): { readonly tag?: string } {
  const found = optional('tag', part);
  if (found.tag !== undefined && !isTag(found.tag))
    throw new ImageError(`${place}: the tag of an attachment is not a tag`);
  return found;
}

function optional<K extends string>(key: K, from: YamlObject): { readonly [key in K]?: string } {
  const text = textOf(from[key]);
  return text === undefined ? {} : ({ [key]: text } as { readonly [key in K]: string });
}
