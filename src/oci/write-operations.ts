import type { Operation } from './endpoints.ts';

const CREATED = {
  Location: 'URL to pull the content from.',
  'Docker-Content-Digest': 'Digest of the content.',
};
const SESSION = {
  Location: 'URL for the next request of the upload; clients must not change it.',
  Range: '`0-<last>`: the stored bytes; `0-0` when there are none.',
  'Docker-Upload-UUID': 'Id of the upload.',
};
const UPLOAD_BODY = {
  'Content-Length': 'Bytes of the body; absent with chunked transfer encoding.',
  'Content-Range': '`<first>-<last>`: position of these bytes in the blob, without a unit.',
};
const STATE = { _state: 'Part of the `Location` in the previous response.' };

/** The operations of a push, and deletion. They work on hosted repositories; others return `UNSUPPORTED`. */
export const WRITE_OPERATIONS = {
  'start-upload': {
    endpoint: 'uploads',
    methods: ['POST'],
    summary:
      'Starts an upload; with `digest`, uploads a whole blob; with `mount`, mounts a blob of another repository.',
    spec: 'end-4a, end-4b, end-11',
    query: {
      digest: 'Digest of the blob, when the body is the whole blob.',
      mount: 'Digest of a blob to mount from another repository instead of sending it.',
      from: 'The repository to mount from; when absent, any that the client may pull from.',
      'digest-algorithm': "`sha256` or `sha512`: algorithm of the blob's digest.",
    },
    requestBody: 'The blob with `digest`; otherwise empty.',
    responses: [
      { status: 201, when: 'The blob was uploaded or mounted.', headers: CREATED },
      {
        status: 202,
        when: 'The upload has started, also when a blob could not be mounted.',
        headers: {
          ...SESSION,
          'OCI-Chunk-Min-Length': 'Minimum number of bytes of each chunk except the last; absent without a minimum.',
        },
      },
    ],
    errors: ['DIGEST_INVALID', 'SIZE_INVALID'],
  },
  'get-upload': {
    endpoint: 'upload',
    methods: ['GET', 'HEAD'],
    summary: 'Returns the progress of an upload.',
    spec: 'end-13',
    responses: [{ status: 204, when: 'The upload can continue.', headers: SESSION }],
    errors: ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID'],
  },
  'append-upload': {
    endpoint: 'upload',
    methods: ['PATCH'],
    summary: 'Sends a chunk, or the whole blob as a stream. Bytes received before a connection breaks are kept.',
    spec: 'end-5',
    query: STATE,
    requestHeaders: UPLOAD_BODY,
    requestBody: 'Bytes of the blob.',
    responses: [{ status: 202, when: 'The bytes are stored.', headers: SESSION }],
    errors: ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'RANGE_INVALID', 'SIZE_INVALID'],
  },
  'finish-upload': {
    endpoint: 'upload',
    methods: ['PUT'],
    summary: 'Completes an upload: verifies the digest and adds the blob to the repository.',
    spec: 'end-6',
    query: { digest: 'Digest of the whole blob. Required.', ...STATE },
    requestHeaders: UPLOAD_BODY,
    requestBody: 'The last bytes of the blob, or empty.',
    responses: [{ status: 201, when: 'The blob is in the repository.', headers: CREATED }],
    errors: ['DIGEST_INVALID', 'BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'RANGE_INVALID', 'SIZE_INVALID'],
  },
  'cancel-upload': {
    endpoint: 'upload',
    methods: ['DELETE'],
    summary: 'Cancels an upload.',
    spec: 'end-14',
    query: STATE,
    responses: [{ status: 204, when: 'The upload and its bytes are removed.' }],
    errors: ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID'],
  },
  'put-manifest': {
    endpoint: 'manifests',
    methods: ['PUT'],
    summary: 'Pushes a manifest by tag or by digest. It is stored byte for byte, and all its tags are set together.',
    spec: 'end-7a, end-7b',
    query: { tag: 'A further tag for the manifest; can be repeated.' },
    requestHeaders: { 'Content-Type': 'Media type of the manifest.' },
    requestBody: 'The manifest.',
    responses: [
      {
        status: 201,
        when: 'The manifest is in the repository.',
        headers: {
          ...CREATED,
          'OCI-Subject': 'Digest of the `subject`, whose referrers now include the manifest.',
          'OCI-Tag': 'Each of the further tags.',
        },
      },
    ],
    errors: ['MANIFEST_INVALID', 'MANIFEST_BLOB_UNKNOWN', 'DIGEST_INVALID', 'TAG_INVALID', 'DENIED'],
  },
  'delete-manifest': {
    endpoint: 'manifests',
    methods: ['DELETE'],
    summary: 'Deletes a tag; by digest, deletes a manifest and all tags that point to it.',
    spec: 'end-9',
    responses: [{ status: 202, when: 'The manifest or tag is deleted; garbage collection removes the bytes.' }],
    errors: ['MANIFEST_UNKNOWN', 'UNSUPPORTED', 'DIGEST_INVALID'],
  },
  'delete-blob': {
    endpoint: 'blobs',
    methods: ['DELETE'],
    summary: 'Deletes a blob from the repository.',
    spec: 'end-10',
    responses: [{ status: 202, when: 'The blob is deleted; garbage collection removes the bytes.' }],
    errors: ['BLOB_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
