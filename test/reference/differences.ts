/** Where Layover differs from distribution on purpose. docs/registry.md lists it in the same words. */
export interface Difference {
  readonly title: string;
  /** The major version that differs; the other one behaves like Layover. */
  readonly distribution: 'any' | '2' | '3';
  readonly reason: string;
  /** Names of checks. */
  readonly checks: readonly string[];
}

export const DIFFERENCES: readonly Difference[] = [
  {
    title: 'A blob in the `POST` that starts its upload (`?digest=`) is stored',
    distribution: 'any',
    reason: 'The OCI specification has it, and it saves a request. Distribution starts an upload and ignores the body.',
    checks: ['upload: in the POST that starts it'],
  },
  {
    title: 'A mount without `from` mounts from any repository that the client may pull from',
    distribution: 'any',
    reason: 'The OCI specification has it. Distribution starts an upload.',
    checks: ['mount: without a source'],
  },
  {
    title: 'A `_state` that is not that of the upload is 400, not 404',
    distribution: 'any',
    reason: 'The upload still exists and continues with the right URL. Clients take a 404 as the end of the upload.',
    checks: ['upload: a state that was changed, one of another repository'],
  },
  {
    title: 'The URL of an upload works without its `_state`',
    distribution: 'any',
    reason: 'The id identifies the upload, and its stored size is where the next chunk belongs.',
    checks: ['upload: without its state'],
  },
  {
    title: 'Layers with `urls` are accepted',
    distribution: 'any',
    reason:
      'Images with such layers could not be pushed at all otherwise. `validation.manifests.urls` restricts them; `allow: ["^$"]` is what distribution does by default.',
    checks: ['manifest: a layer from elsewhere'],
  },
  {
    title: 'An image without a config is `MANIFEST_INVALID`',
    distribution: 'any',
    reason: 'One error that names the fault. Distribution reports an empty digest as unknown.',
    checks: ['manifest: no config'],
  },
  {
    title: 'A push to a tag that cannot exist is 400 `TAG_INVALID`, with a reason',
    distribution: 'any',
    reason: 'Distribution returns a 404 page in plain text, which clients show as an unknown repository.',
    checks: ['manifest: by a tag that cannot exist, pushed'],
  },
  {
    title: 'A manifest is served as it was pushed, whatever `Accept` is',
    distribution: 'any',
    reason:
      'A tag then names one digest for every client. Distribution hides OCI images from clients without the type, and gives the amd64 image in place of a Docker list.',
    checks: [
      'manifest: an OCI image for a client that accepts only Docker images',
      'index: a Docker list by tag, for a client that accepts no lists',
    ],
  },
  {
    title: 'The response to a push of a manifest with a `subject` has `OCI-Subject`',
    distribution: 'any',
    reason: 'Layover has the referrers API. Distribution does not.',
    checks: ['manifest: one with a subject'],
  },
  {
    title: 'Locations are paths unless `http.host` or a trusted proxy gives their host',
    distribution: 'any',
    reason: 'A path is right behind every proxy. `http.relativeurls: false` gives whole URLs, like distribution.',
    checks: ['locations: neither is set', 'locations: http.prefix'],
  },
  {
    title: '`Forwarded` and `X-Forwarded-*` count only from a trusted proxy',
    distribution: 'any',
    reason: 'Otherwise every client could choose the host of the URLs in its responses.',
    checks: [
      'locations: Forwarded, of a client that is no trusted proxy',
      'locations: X-Forwarded-*, of a client that is no trusted proxy',
    ],
  },
  {
    title: 'A method that an endpoint does not have is 405',
    distribution: 'any',
    reason: 'Distribution returns a 404 page for some of them.',
    checks: ['methods that an endpoint does not have'],
  },
  {
    title: 'A `Range` of another unit than `bytes` is ignored',
    distribution: 'any',
    reason: 'RFC 9110, section 14.2. Distribution returns 416.',
    checks: ['blob: a range that starts after the end, one that is malformed, one of another unit'],
  },
  {
    title: 'The last page of tags has no `Link`, and a page without tags is `[]`',
    distribution: 'any',
    reason:
      'This saves the client a request. Distribution 3 links to an empty page, with `null` for its tags; 2 has no pages.',
    checks: ['tags: a page that ends with the list', 'tags: a page after the last tag'],
  },
  {
    title: 'A name of more than 255 characters is 400 `NAME_INVALID`',
    distribution: 'any',
    reason: 'Distribution returns 500.',
    checks: ['names: 256 characters'],
  },
  {
    title: 'An upload whose digest was wrong has ended',
    distribution: 'any',
    reason: 'Its bytes are of no use. Distribution keeps them until they are purged.',
    checks: ['upload: other bytes than the digest says'],
  },
  {
    title: 'Another `schemaVersion` than 2 is 400 `MANIFEST_INVALID`',
    distribution: 'any',
    reason: 'Distribution returns 500.',
    checks: ['manifest: schemaVersion 1', 'manifest: schemaVersion 3'],
  },
  {
    title: '`Content-Range` of a chunk is checked',
    distribution: '2',
    reason: 'Distribution 2 appends every chunk, and only the digest at the end finds the fault.',
    checks: [
      'upload: a chunk of another length than its range',
      'upload: a chunk that does not come next',
      'upload: a chunk that does not come next, of another length than its range',
      'upload: a state that is behind',
    ],
  },
  {
    title: 'An unknown upload is `BLOB_UPLOAD_UNKNOWN`',
    distribution: '2',
    reason: 'The code of the OCI specification.',
    checks: ['upload: one that never was'],
  },
  {
    title: 'A tag can be deleted',
    distribution: '2',
    reason: 'Distribution 2 deletes by digest only.',
    checks: ['delete: a tag, which leaves its manifest', 'delete: a tag that was never there'],
  },
  {
    title: 'Lists of tags are sorted, and have pages',
    distribution: '2',
    reason: 'Distribution 2 returns all tags in no order, and ignores the query.',
    checks: [
      'tags: no query',
      'tags: an empty last',
      'tags: an empty n',
      'tags: both empty',
      'tags: n below zero',
      'tags: n that is a word',
      'tags: n with a fraction',
      'tags: n that is too large for an integer',
      'tags: n of zero',
      'tags: the first page',
      'tags: a page in the middle',
      'tags: the last page',
      'tags: a page larger than the list',
      'tags: after a tag, without n',
      'tags: after a tag that does not exist',
      'tags: n above tags.maxtags',
    ],
  },
  {
    title: 'An `n` of the catalogue that is not a number is 400',
    distribution: '2',
    reason: 'Distribution 2 ignores it.',
    checks: ['catalogue: n below zero', 'catalogue: n that is a word'],
  },
  {
    title: 'The base has no `charset`',
    distribution: '2',
    reason: 'JSON has no charset.',
    checks: ['the base says that this is a registry'],
  },
  {
    title: 'A page of the tags of an unknown repository is 404 `NAME_UNKNOWN`, like the whole list',
    distribution: '3',
    reason: 'Distribution 3 returns 200 and no tags.',
    checks: ['tags: an unknown repository'],
  },
];

/** @param major version of the control */
export function differenceOf(check: string, major: string): Difference | undefined {
  const isOf = ({ distribution }: Difference) => distribution === 'any' || distribution === major;
  return DIFFERENCES.find((difference) => isOf(difference) && difference.checks.includes(check));
}
