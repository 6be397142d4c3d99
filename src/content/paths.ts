import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';

/**
 * Where content lies; distribution's layout (its `registry/storage/paths.go`), so that either serves what the other wrote.
 * Nothing that is passed in leads out of the repository it names.
 */
const ROOT = '/docker/registry/v2';

export const REPOSITORIES = `${ROOT}/repositories`;
export const BLOBS = `${ROOT}/blobs`;
/** Of a repository: its upload sessions. */
export const UPLOADS = '_uploads';
/** Out of the way of content; not part of distribution's layout. */
const QUARANTINE = '/layover/quarantine';
export const UNRECORDED = '/layover/unrecorded';

export const COLLECTIONS = '/layover/collection';

/** While somebody collects garbage. */
export const COLLECTION = `${COLLECTIONS}/state`;

/** What that collection may remove. */
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

/** Where bytes go that are not those of their digest. */
export function quarantinePath(digest: Digest): string {
  return `${QUARANTINE}/${digestAlgorithm(digest)}/${digestHex(parseDigest(digest))}`;
}

/** Notes about links of a digest that no index knows. */
export function unrecordedDirectory(digest: Digest): string {
  return `${UNRECORDED}/${digestAlgorithm(digest)}-${digestHex(parseDigest(digest))}`;
}

/** @throws {RegistryError} `NAME_INVALID` */
function repositoryPath(repository: string): string {
  // A leading `_` is the layout's own; the rest would lead elsewhere.
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

/** A repository is one as soon as this is there. */
export function manifestsPath(repository: string): string {
  return `${repositoryPath(repository)}/_manifests`;
}

/** Where there is anything in a repository that has content, or is about to. What is cheap to find out comes first. */
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

/** Says with which media type a manifest is served, where its bytes do not; not part of distribution's layout. */
export function servedTypePath(repository: string, digest: Digest): string {
  return `${revisionDirectory(repository, digest)}/mediatype`;
}

/** Holds one upload session. @param id has been checked */
export function uploadDirectory(repository: string, id: string): string {
  return `${repositoryPath(repository)}/${UPLOADS}/${id}`;
}

/** Holds what is known of the manifests that are attached to others; not part of distribution's layout. */
function referrersPath(repository: string): string {
  return `${manifestsPath(repository)}/referrers`;
}

/** Holds a directory for each manifest that is attached to this one. */
export function referrersOfPath(repository: string, subject: Digest, algorithm: string): string {
  return `${referrersPath(repository)}/${digestDirectory(subject)}/${algorithm}`;
}

/** Holds the link that says that a manifest is attached to another. */
export function referrerDirectory(repository: string, subject: Digest, referrer: Digest): string {
  return `${referrersPath(repository)}/${digestDirectory(subject)}/${digestDirectory(referrer)}`;
}

/** Is there when every manifest that the repository had before is among the referrers, if it has a subject. */
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

/** Whether a directory entry can be a tag at all. */
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
