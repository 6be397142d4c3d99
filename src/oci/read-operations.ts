import type { Operation } from './endpoints.ts';

const PAGE = {
  n: 'Entries at most.',
  last: 'Entries after this one.',
};
const NEXT_PAGE = { Link: 'The next page, `rel="next"`, relative; absent on the last.' };

const CONDITIONS = {
  'If-None-Match': 'A digest, in quotes or not: 304 when it is still that one.',
  'If-Match': 'A digest: 412 when it is another.',
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
  'Cache-Control': '`max-age=31536000`: what a digest names never changes.',
};
const NOT_MODIFIED = { status: 304, when: 'It is what `If-None-Match` says.' };
const REDIRECTED = {
  status: 307,
  when: 'The storage or a middleware hands out addresses of its own.',
  headers: { Location: 'Where the bytes are, for a while.' },
};

/** Pulling: what can be asked for. */
export const READ_OPERATIONS = {
  ping: {
    endpoint: 'ping',
    methods: ['GET', 'HEAD'],
    summary: 'Says that this is a registry, and whether it wants credentials.',
    spec: 'end-1',
    answers: [{ status: 200, when: 'The API is there, and open to this client.' }],
    errors: [],
  },
  'list-repositories': {
    endpoint: 'catalog',
    methods: ['GET', 'HEAD'],
    summary: 'Lists the repositories that are stored here, as `{"repositories": […]}`.',
    spec: "Docker's registry",
    query: { ...PAGE, n: 'Entries at most; 100 when absent, and no more than `catalog.maxentries`.' },
    answers: [{ status: 200, when: 'A page, in order.', headers: NEXT_PAGE }],
    errors: ['PAGINATION_NUMBER_INVALID'],
  },
  'list-tags': {
    endpoint: 'tags',
    methods: ['GET', 'HEAD'],
    summary: 'Lists the tags of a repository, as `{"name": …, "tags": […]}`.',
    spec: 'end-8a, end-8b',
    query: PAGE,
    answers: [{ status: 200, when: 'A page, in order.', headers: NEXT_PAGE }],
    errors: ['NAME_UNKNOWN', 'PAGINATION_NUMBER_INVALID'],
  },
  'get-manifest': {
    endpoint: 'manifests',
    methods: ['GET'],
    summary: 'A manifest, byte for byte as it was pushed, whatever `Accept` says.',
    spec: 'end-3',
    requestHeaders: CONDITIONS,
    answers: [{ status: 200, when: 'The body is the manifest.', headers: MANIFEST }, NOT_MODIFIED],
    errors: ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID'],
  },
  'head-manifest': {
    endpoint: 'manifests',
    methods: ['HEAD'],
    summary: 'Which manifest a tag names, and how large it is. What an upstream can describe is not downloaded for it.',
    spec: 'end-3',
    requestHeaders: CONDITIONS,
    answers: [{ status: 200, when: 'It is there.', headers: MANIFEST }, NOT_MODIFIED],
    errors: ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID'],
  },
  'get-blob': {
    endpoint: 'blobs',
    methods: ['GET'],
    summary: 'A blob, or parts of it, also while it is still on its way from an upstream.',
    spec: 'end-2',
    requestHeaders: {
      Range: '`bytes=` with one range or several. More than 1024, or more than two that overlap, get the whole.',
      'If-Range': 'The digest in quotes: the range counts only when it is that one.',
      ...CONDITIONS,
    },
    answers: [
      { status: 200, when: 'The body is the blob.', headers: BLOB },
      {
        status: 206,
        when: 'The body is the range, or `multipart/byteranges` of several.',
        headers: { ...BLOB, 'Content-Range': 'What part of the whole it is; in each part of several.' },
      },
      NOT_MODIFIED,
      REDIRECTED,
    ],
    errors: ['BLOB_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID', 'RANGE_INVALID'],
  },
  'head-blob': {
    endpoint: 'blobs',
    methods: ['HEAD'],
    summary: 'Whether the repository has a blob, and how large it is. It is not downloaded for it.',
    spec: 'end-2',
    requestHeaders: CONDITIONS,
    answers: [{ status: 200, when: 'It is there.', headers: BLOB }, NOT_MODIFIED, REDIRECTED],
    errors: ['BLOB_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID'],
  },
  'list-referrers': {
    endpoint: 'referrers',
    methods: ['GET', 'HEAD'],
    summary:
      'The manifests whose `subject` is a digest (signatures, SBOMs), as an image index. It is empty when there are none.',
    spec: 'end-12a, end-12b',
    query: {
      artifactType: 'Only those of this type.',
      n: 'At most so many on a page, which is below 4 MiB in any case.',
      last: 'Those after this digest.',
    },
    answers: [
      {
        status: 200,
        when: 'An index; its type is `application/vnd.oci.image.index.v1+json`.',
        headers: {
          'OCI-Filters-Applied': '`artifactType`, when it was filtered by that.',
          ...NEXT_PAGE,
        },
      },
    ],
    errors: ['NAME_UNKNOWN', 'DIGEST_INVALID', 'PAGINATION_NUMBER_INVALID'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
