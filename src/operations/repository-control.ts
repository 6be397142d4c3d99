import type { Digest } from '../oci/digest.ts';

/** Whether a client may pull from a repository, by its stored name: what it may not pull, it does not see. */
export type MayPull = (repository: string) => boolean | Promise<boolean>;

/** Stored repositories and their tags, in pages: the same interface in the process and over the admin API. */
export interface RepositoryControl {
  /** @param mayPull absent for an administrator, who sees everything */
  repositories(query: RepositoryQuery, mayPull?: MayPull): Promise<RepositoryPage>;
  /** @throws {ControlError} `not-found` also for a repository that the client may not pull from */
  tags(query: TagQuery, mayPull?: MayPull): Promise<TagPage>;
}

/** `used`: the most recently used first; `size`: the largest first. */
export const REPOSITORY_ORDERS = ['name', 'used', 'size'] as const;
export type RepositoryOrder = (typeof REPOSITORY_ORDERS)[number];

export interface RepositoryQuery {
  /** A glob over stored names, or without `*` a part of the name. */
  readonly query?: string | undefined;
  /** Only those of this upstream. */
  readonly upstream?: string | undefined;
  /** @default 'name' */
  readonly sort?: RepositoryOrder | undefined;
  /** @default 50, 200 at most */
  readonly limit?: number | undefined;
  /** Cursor from the previous page. */
  readonly cursor?: string | undefined;
}

export interface RepositoryPage {
  /** There may be few or none on a page that is not the last, because a page looks at a limited number of names. */
  readonly repositories: readonly RepositoryView[];
  /** Of everything that is stored. Absent for a list of a part of it. */
  readonly totals?: { readonly repositories: number; readonly bytes: number } | undefined;
  /** Absent on the last page. */
  readonly cursor?: string | undefined;
}

/** Times are RFC 3339, sizes in bytes. */
export interface RepositoryView {
  /** The stored name: `docker.io/library/alpine`. */
  readonly name: string;
  /** Name of the upstream. Absent for hosted content, and of an upstream that is not configured any more. */
  readonly upstream?: string | undefined;
  /** Pushed content, which neither expires nor is evicted. */
  readonly hosted: boolean;
  /** Absent when the storage did not list them in time. */
  readonly tags?: number | undefined;
  /** There are more tags than {@link tags}. */
  readonly moreTags?: true | undefined;
  readonly manifests: number;
  /** Of all its content, each digest once, also what other repositories share. */
  readonly bytes: number;
  /** Of content that no other repository has. Absent in lists, and for a repository with more than 1000 references. */
  readonly ownBytes?: number | undefined;
  /** To the minute. */
  readonly lastUsedAt: string;
  /** A pin matches all of it. */
  readonly pinned: boolean;
  /** A blob is being fetched for it now. */
  readonly filling: boolean;
}

export interface TagQuery {
  /** Stored name of the repository. */
  readonly repository: string;
  /** A part of the tag. */
  readonly query?: string | undefined;
  /** Manifests without tag as well, behind the tags: those of platforms, referrers and earlier digests of tags. @default false */
  readonly all?: boolean | undefined;
  /** @default 50, 200 at most */
  readonly limit?: number | undefined;
  /** Cursor from the previous page. */
  readonly cursor?: string | undefined;
}

export interface TagPage {
  readonly repository: RepositoryView;
  /** In the order of tags, then of digests. */
  readonly tags: readonly TagView[];
  /** Absent on the last page. */
  readonly cursor?: string | undefined;
}

/** A tag with what it names, or a manifest without tag. Times are RFC 3339, sizes in bytes. */
export interface TagView {
  /** Absent for a manifest without tag. */
  readonly tag?: string | undefined;
  readonly digest: Digest;
  /** Absent when the manifest is not stored. */
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  /** Of all stored content that it refers to, each digest once. */
  readonly size: number;
  /** Of an image index, those that it lists, 25 at most; of an image, absent. */
  readonly platforms?: readonly PlatformView[] | undefined;
  /** Stored manifests that are attached to it: signatures, SBOMs and others. 100 at most. */
  readonly referrers: number;
  /** When the tag was last confirmed at its upstream. Absent for hosted content, and when that is not known. */
  readonly checkedAt?: string | undefined;
  /** From then on the next pull confirms the tag. Absent when it is not confirmed, such as that of a hosted repository. */
  readonly nextCheckAt?: string | undefined;
  readonly lastUsedAt?: string | undefined;
  /** When it expires without further use. Absent when it never does. */
  readonly expiresAt?: string | undefined;
  readonly pinned: boolean;
}

export interface PlatformView {
  /** Such as `linux/arm64/v8`. `unknown/unknown` is that of attestations. */
  readonly platform: string;
  readonly digest: Digest;
  /** Of its stored content. 0 when it is not stored. */
  readonly size: number;
  readonly cached: boolean;
}
