import type { Operation } from './endpoints.ts';

const PAGE = {
  n: 'Maximum number of entries.',
  last: 'The page starts after this entry.',
};
const NEXT_PAGE = { Link: 'URL of the next page, relative, `rel="next"`; absent on the last page.' };

const CONDITIONS = {
  'If-None-Match': 'A digest, with or without quotes: 304 when the content has this digest.',
  'If-Match': 'A digest: 412 when the content has another digest.',
};
const CONTENT = {
  'Content-Length': 'Bytes.',
  'Docker-Content-Digest': 'Digest of the content.',
  ETag: 'The digest, in quotes.',
};
const MANIFEST = { 'Content-Type': "The manifest's own media type.", ...CONTENT };
const BLOB = {
  ...CONTENT,
  'Accept-Ranges': '`bytes`',
  'Cache-Control': '`max-age=31536000`: the content of a digest never changes.',
};
const NOT_MODIFIED = { status: 304, when: 'The content has the digest in `If-None-Match`.' };
const REDIRECTED = {
  status: 307,
  when: 'Clients fetch the content from the storage or a CDN.',
  headers: { Location: 'URL of the content, valid for a limited time.' },
};

/** The operations of a pull. */
export const READ_OPERATIONS = {
  ping: {
    endpoint: 'ping',
    methods: ['GET', 'HEAD'],
    summary: 'Checks that the registry supports this API, and whether it requires credentials.',
    spec: 'end-1',
    responses: [{ status: 200, when: 'The API is available to this client.' }],
    errors: [],
  },
  'list-repositories': {
    endpoint: 'catalog',
    methods: ['GET', 'HEAD'],
    summary: 'Lists the stored repositories, as `{"repositories": […]}`.',
    spec: "Docker's registry",
    query: { ...PAGE, n: 'Maximum number of entries; 100 when absent, at most `catalog.maxentries`.' },
    responses: [{ status: 200, when: 'A page, sorted.', headers: NEXT_PAGE }],
    errors: ['PAGINATION_NUMBER_INVALID'],
  },
  'list-tags': {
    endpoint: 'tags',
    methods: ['GET', 'HEAD'],
    summary: 'Lists the tags of a repository, as `{"name": …, "tags": […]}`.',
    spec: 'end-8a, end-8b',
    query: PAGE,
    responses: [{ status: 200, when: 'A page, sorted.', headers: NEXT_PAGE }],
    errors: ['NAME_UNKNOWN', 'PAGINATION_NUMBER_INVALID'],
  },
  'get-manifest': {
    endpoint: 'manifests',
    methods: ['GET'],
    summary: 'Returns a manifest, byte for byte as it was pushed, regardless of `Accept`.',
    spec: 'end-3',
    requestHeaders: CONDITIONS,
    responses: [{ status: 200, when: 'The body is the manifest.', headers: MANIFEST }, NOT_MODIFIED],
    errors: ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID'],
  },
  'head-manifest': {
    endpoint: 'manifests',
    methods: ['HEAD'],
    summary:
      'Returns digest, size and media type of a manifest. It is not downloaded when the upstream can describe it.',
    spec: 'end-3',
    requestHeaders: CONDITIONS,
    responses: [{ status: 200, when: 'The manifest exists.', headers: MANIFEST }, NOT_MODIFIED],
    errors: ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID'],
  },
  'get-blob': {
    endpoint: 'blobs',
    methods: ['GET'],
    summary: 'Returns a blob, or ranges of it, also while it is being fetched from an upstream.',
    spec: 'end-2',
    requestHeaders: {
      Range: '`bytes=` with one or more ranges. More than 1024, or more than two that overlap, return the whole blob.',
      'If-Range': 'The digest in quotes: `Range` is ignored when the content has another digest.',
      ...CONDITIONS,
    },
    responses: [
      { status: 200, when: 'The body is the blob.', headers: BLOB },
      {
        status: 206,
        when: 'The body is the range, or `multipart/byteranges` for several ranges.',
        headers: { ...BLOB, 'Content-Range': 'Position of the range in the blob; in each part of several.' },
      },
      NOT_MODIFIED,
      REDIRECTED,
    ],
    errors: ['BLOB_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID', 'RANGE_INVALID'],
  },
  'head-blob': {
    endpoint: 'blobs',
    methods: ['HEAD'],
    summary: 'Returns whether the repository has a blob, and its size. It is not downloaded from the upstream.',
    spec: 'end-2',
    requestHeaders: CONDITIONS,
    responses: [{ status: 200, when: 'The blob exists.', headers: BLOB }, NOT_MODIFIED, REDIRECTED],
    errors: ['BLOB_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID'],
  },
  'list-referrers': {
    endpoint: 'referrers',
    methods: ['GET', 'HEAD'],
    summary: 'Lists the manifests with a given `subject` (signatures, SBOMs), as an image index; empty without any.',
    spec: 'end-12a, end-12b',
    query: {
      artifactType: 'Only manifests of this type.',
      n: 'Maximum number of entries; a page is below 4 MiB in any case.',
      last: 'The page starts after this digest.',
    },
    responses: [
      {
        status: 200,
        when: 'An index, with media type `application/vnd.oci.image.index.v1+json`.',
        headers: {
          'OCI-Filters-Applied': '`artifactType`, when the list was filtered by it.',
          ...NEXT_PAGE,
        },
      },
    ],
    errors: ['NAME_UNKNOWN', 'DIGEST_INVALID', 'PAGINATION_NUMBER_INVALID'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
