import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';

/**
 * Paths of content, in distribution's layout (its `registry/storage/paths.go`), so that each of the two serves what the other wrote.
 * No argument leads out of the repository that it names.
 */
const ROOT = '/docker/registry/v2';

export const REPOSITORIES = `${ROOT}/repositories`;
export const BLOBS = `${ROOT}/blobs`;
/** The directory that makes a repository. */
export const MANIFESTS = '_manifests';
/** The directory of upload sessions in a repository. */
export const UPLOADS = '_uploads';
/** Outside of distribution's layout. */
const QUARANTINE = '/layover/quarantine';
export const UNRECORDED = '/layover/unrecorded';
/** Upload sessions of imports, by id. */
export const IMPORTS = '/layover/imports';

export const COLLECTIONS = '/layover/collection';

/** Exists while a process collects garbage. */
export const COLLECTION = `${COLLECTIONS}/state`;

/** The digests that the collection marked for removal. The name is part of the protocol between processes, also of other versions. */
export function markedPath(id: string): string {
  return `${COLLECTIONS}/doomed-${id}`;
}

export function blobDataPath(digest: Digest): string {
  return `${blobDirectory(digest)}/data`;
}

/** Holds the bytes of a digest. */
export function blobDirectory(digest: Digest): string {
  const hex = digestHex(parseDigest(digest));
  return `${BLOBS}/${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}`;
}

/** Where bytes are moved that do not match their digest. */
export function quarantinePath(digest: Digest): string {
  return `${QUARANTINE}/${digestAlgorithm(digest)}/${digestHex(parseDigest(digest))}`;
}

/** Notes about links of a digest that the usage index does not have. */
export function unrecordedDirectory(digest: Digest): string {
  return `${UNRECORDED}/${digestAlgorithm(digest)}-${digestHex(parseDigest(digest))}`;
}

/** @throws {RegistryError} `NAME_INVALID` */
function repositoryPath(repository: string): string {
  // A leading `_` is reserved for the layout; the others would lead elsewhere.
  const ok = repository
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && !part.startsWith('_'));
  if (!ok)
    throw new RegistryError('NAME_INVALID', `invalid repository name: ${JSON.stringify(repository.slice(0, 300))}`);
  return `${REPOSITORIES}/${repository}`;
}

/** Holds the link that makes a blob part of a repository. */
export function layerDirectory(repository: string, digest: Digest): string {
  return `${repositoryPath(repository)}/_layers/${digestDirectory(digest)}`;
}

export function layersPath(repository: string, algorithm: string): string {
  return `${repositoryPath(repository)}/_layers/${algorithm}`;
}

export function layerLinkPath(repository: string, digest: Digest): string {
  return `${layerDirectory(repository, digest)}/link`;
}

/** A repository exists as soon as this directory does. */
export function manifestsPath(repository: string): string {
  return `${repositoryPath(repository)}/${MANIFESTS}`;
}

/** The directories of which a repository has at least one when it has content, or is about to. The cheapest to check come first. */
export function contentDirectories(repository: string): readonly string[] {
  const path = repositoryPath(repository);
  return [`${path}/_layers`, `${manifestsPath(repository)}/revisions`, tagsPath(repository), `${path}/${UPLOADS}`];
}

export function revisionsPath(repository: string, algorithm: string): string {
  return `${manifestsPath(repository)}/revisions/${algorithm}`;
}

export function revisionLinkPath(repository: string, digest: Digest): string {
  return `${revisionDirectory(repository, digest)}/link`;
}

/** Holds the link that makes a manifest part of a repository. */
export function revisionDirectory(repository: string, digest: Digest): string {
  return `${manifestsPath(repository)}/revisions/${digestDirectory(digest)}`;
}

/** The media type of a manifest whose bytes do not state it; not part of distribution's layout. */
export function servedTypePath(repository: string, digest: Digest): string {
  return `${revisionDirectory(repository, digest)}/mediatype`;
}

/** Holds one upload session. @param id its form is checked */
export function uploadDirectory(repository: string, id: string): string {
  return `${repositoryPath(repository)}/${UPLOADS}/${id}`;
}

/** Holds the links of referrers; not part of distribution's layout. */
function referrersPath(repository: string): string {
  return `${manifestsPath(repository)}/referrers`;
}

/** Holds a directory for each referrer of the subject. */
export function referrersOfPath(repository: string, subject: Digest, algorithm: string): string {
  return `${referrersPath(repository)}/${digestDirectory(subject)}/${algorithm}`;
}

/** Holds the link of one referrer of the subject. */
export function referrerDirectory(repository: string, subject: Digest, referrer: Digest): string {
  return `${referrersPath(repository)}/${digestDirectory(subject)}/${digestDirectory(referrer)}`;
}

/** Exists when all manifests of the repository with a subject have a referrer link. */
export function referrersCompletePath(repository: string): string {
  return `${referrersPath(repository)}/complete`;
}

export function tagsPath(repository: string): string {
  return `${manifestsPath(repository)}/tags`;
}

export function tagLinkPath(repository: string, tag: string): string {
  return `${tagDirectory(repository, tag)}/current/link`;
}

/** One entry of the tag's history. */
export function tagIndexLinkPath(repository: string, tag: string, digest: Digest): string {
  return `${tagIndexDirectory(repository, tag, digest)}/link`;
}

export function tagIndexDirectory(repository: string, tag: string, digest: Digest): string {
  return `${tagDirectory(repository, tag)}/index/${digestDirectory(digest)}`;
}

/** Whether a directory entry can be a tag. */
export function isTagName(name: string): boolean {
  return /^[\w.-]+$/.test(name) && name !== '.' && name !== '..';
}

/** Holds a tag, with its history. */
export function tagDirectory(repository: string, tag: string): string {
  if (!isTagName(tag)) throw new RegistryError('TAG_INVALID', `not a tag: ${JSON.stringify(tag.slice(0, 200))}`);
  return `${tagsPath(repository)}/${tag}`;
}

function digestDirectory(digest: Digest): string {
  return `${digestAlgorithm(parseDigest(digest))}/${digestHex(digest)}`;
}
