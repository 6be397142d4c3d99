import type { Operation } from './endpoints.ts';

const CREATED = {
  Location: 'Where it can be pulled from.',
  'Docker-Content-Digest': 'Its digest.',
};
const SESSION = {
  Location: 'The URL that the upload goes on at, to be used as it is.',
  Range: '`0-<last>`: the bytes that are kept; `0-0` when there are none.',
  'Docker-Upload-UUID': 'Id of the upload.',
};
const UPLOAD_BODY = {
  'Content-Length': 'Bytes of the body; absent when it is sent in chunks of HTTP.',
  'Content-Range': '`<first>-<last>`, the place of these bytes in the blob, without a unit.',
};
const STATE = { _state: 'Part of the `Location` of the answer before.' };

/** Pushing and deleting: what a hosted repository can be told. An upstream's name answers `UNSUPPORTED`. */
export const WRITE_OPERATIONS = {
  'start-upload': {
    endpoint: 'uploads',
    methods: ['POST'],
    summary: 'Starts an upload; or sends a whole blob at once; or makes a blob of another repository part of this one.',
    spec: 'end-4a, end-4b, end-11',
    query: {
      digest: 'The body is the whole blob, and this is its digest.',
      mount: 'Digest of a blob that need not be sent, as another repository has it.',
      from: 'The repository that has it; any that the client may pull from when absent.',
      'digest-algorithm': '`sha256` or `sha512`: in which the blob will be named.',
    },
    requestBody: 'The blob with `digest`; else nothing.',
    answers: [
      { status: 201, when: 'The blob is in the repository: it was sent whole, or mounted.', headers: CREATED },
      {
        status: 202,
        when: 'An upload has been started; also when a blob could not be mounted.',
        headers: {
          ...SESSION,
          'OCI-Chunk-Min-Length': 'Bytes that each chunk but the last should have, if that matters.',
        },
      },
    ],
    errors: ['DIGEST_INVALID', 'SIZE_INVALID'],
  },
  'get-upload': {
    endpoint: 'upload',
    methods: ['GET', 'HEAD'],
    summary: 'How far an upload is.',
    spec: 'end-13',
    answers: [{ status: 204, when: 'It can go on.', headers: SESSION }],
    errors: ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID'],
  },
  'append-upload': {
    endpoint: 'upload',
    methods: ['PATCH'],
    summary: 'Sends a chunk, or all of a blob as a stream. What came before a broken connection is kept.',
    spec: 'end-5',
    query: STATE,
    requestHeaders: UPLOAD_BODY,
    requestBody: 'Bytes of the blob.',
    answers: [{ status: 202, when: 'The bytes are kept.', headers: SESSION }],
    errors: ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'RANGE_INVALID', 'SIZE_INVALID'],
  },
  'finish-upload': {
    endpoint: 'upload',
    methods: ['PUT'],
    summary: 'Ends an upload: the blob is in the repository afterwards, if the bytes are those of the digest.',
    spec: 'end-6',
    query: { digest: 'Of the whole blob. Required.', ...STATE },
    requestHeaders: UPLOAD_BODY,
    requestBody: 'The last bytes of the blob; or nothing.',
    answers: [{ status: 201, when: 'The blob is in the repository.', headers: CREATED }],
    errors: ['DIGEST_INVALID', 'BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'RANGE_INVALID', 'SIZE_INVALID'],
  },
  'cancel-upload': {
    endpoint: 'upload',
    methods: ['DELETE'],
    summary: 'Ends an upload without a blob.',
    spec: 'end-14',
    query: STATE,
    answers: [{ status: 204, when: 'Nothing of it is left.' }],
    errors: ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID'],
  },
  'put-manifest': {
    endpoint: 'manifests',
    methods: ['PUT'],
    summary: 'Pushes a manifest by tag or by digest. It is kept byte for byte, and its tags name it all at once.',
    spec: 'end-7a, end-7b',
    query: { tag: 'A further tag for it; may be given several times.' },
    requestHeaders: { 'Content-Type': 'Its media type.' },
    requestBody: 'The manifest.',
    answers: [
      {
        status: 201,
        when: 'The manifest is in the repository.',
        headers: {
          ...CREATED,
          'OCI-Subject': 'The `subject` of the manifest: it is now among the referrers of that.',
          'OCI-Tag': 'Each of the further tags.',
        },
      },
    ],
    errors: ['MANIFEST_INVALID', 'MANIFEST_BLOB_UNKNOWN', 'DIGEST_INVALID', 'TAG_INVALID', 'DENIED'],
  },
  'delete-manifest': {
    endpoint: 'manifests',
    methods: ['DELETE'],
    summary: 'Removes a tag; or a manifest, by digest, with all tags that name it.',
    spec: 'end-9',
    answers: [{ status: 202, when: 'It is gone; its bytes go when garbage is collected.' }],
    errors: ['MANIFEST_UNKNOWN', 'UNSUPPORTED', 'DIGEST_INVALID'],
  },
  'delete-blob': {
    endpoint: 'blobs',
    methods: ['DELETE'],
    summary: 'Removes a blob from the repository.',
    spec: 'end-10',
    answers: [{ status: 202, when: 'It is gone; its bytes go when garbage is collected.' }],
    errors: ['BLOB_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_INVALID'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
