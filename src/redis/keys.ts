/*
 * The keys of distribution's cache are exactly the same as in distribution, so that both can share one Redis. These keys have
 * no hash tag and are on different nodes of a cluster: a command uses only one of them, and their changes are independent.
 */

/** Change this when the format of a stored value changes: old keys then expire unread. */
const PREFIX = 'layover:v1';

/** Every Redis key and channel in use, with its type, content and lifetime. */
export const redisKeys = {
  /** Set: digests of the repository's blobs and manifests. Distribution's; never expires. */
  repositoryBlobs: (repository: string) => `repository::${repository}::blobs`,

  /** Hash: `mediatype` of a digest in a repository. Distribution's; never expires: it treats a member of the set without one as an error. */
  repositoryDescriptor: (repository: string, digest: string) => `repository::${repository}::blobs::${digest}`,

  /** Hash: `digest`, `size` and `mediatype` of a digest. Distribution's; expires after a day when Layover writes it. */
  descriptor: (digest: string) => `blobs::${digest}`,

  /** Channel: `<sender> <repository>@<digest>` for each removed descriptor. */
  removedDescriptors: () => key('removed-descriptors'),

  /** Channel: the id of a change of recalls. */
  recalls: () => key('recalls'),

  /** String: how many replicas have applied the change. Expires after a minute. */
  recallConfirmed: (id: string) => key('recalls', id),

  /** Hash: `<login>\n<repository>` → `<allowed> <decided> <until>`, who may read an upstream's repositories. Expires with the last of them. */
  access: (upstream: string) => tagged('access', upstream),

  /** Sorted set: the fields of the hash, by the time at which they are removed. */
  accessEnds: (upstream: string) => tagged('access', upstream, 'ends'),

  /** Channel: decisions that were removed, as JSON. */
  accessForgotten: () => key('access-forgotten'),

  /** String: written to check that writes are possible. Expires after a second. */
  probe: () => key('probe'),

  /** String: secret with which replicas authenticate to each other. Never expires. */
  peerSecret: () => key('peer-secret'),

  /** String: `<owner> <token> <address>` of the process that holds the lease. Expires when it is not renewed. */
  lease: (name: string) => tagged('lease', name),

  /** String: the last token of this lease. Expires a day after it was created. */
  leaseToken: (name: string) => tagged('lease', name, 'token'),

  /**
   * Common prefix of the keys of the usage index: scripts append to it, and all of them are on one node of a cluster. None expires.
   *
   * - `:meta`, hash: `bytes`, `digests`, `references`, `changes`, `summed` references and `marker-<name>`
   * - `:repositories`, sorted set: names, all with the score 0
   * - `:r:<name>`, hash: `<kind><digest>` → `<bytes> <last use>[ <rank>]`, of one repository
   * - `:q:<kind>`, sorted set: `<digest> <name>` by rank, in Unix milliseconds
   * - `:d:<digest>`, hash: `s` bytes, `n` references, `p` parts, `<kind><name>` for each reference, `w<digest>` for each parent
   * - `:loose`, sorted set: unreferenced digests, all with the score 0
   * - `:used` and `:sizes`, sorted sets: repositories by last use, in Unix milliseconds, and by bytes
   * - `:manifests`, hash: repository → its number of manifests
   * - `:pins`, hash: pattern → Unix milliseconds
   * - `:t:<table>`, hash: texts of other modules, by key
   */
  index: () => tagged('index', 'usage'),

  /**
   * Stream: `r` is a pull record in JSON, in the order of batches. Expires after `audit.keep` without pulls.
   *
   * `:written:<id>`, string: a part of a batch that is in it. Expires after ten minutes.
   */
  pulls: () => tagged('audit', 'pulls'),

  /** String: `<owner> <token> ` of the process that removes the digest. Expires when it is not renewed. */
  removal: (digest: string) => `${tagged('index', 'usage')}:removal:${digest}`,

  /** Sorted set: the writers that are linking the digest, by the time at which their claim ends. Expires. */
  linking: (digest: string) => `${tagged('index', 'usage')}:linking:${digest}`,

  /** Sorted set: `<digest> <bytes>` reserved for running fills, by the time at which the reservation ends. */
  reserved: () => `${tagged('index', 'usage')}:reserved`,
  /** Hash: `state` of a bucket of pulls at an upstream, as JSON, and its `version`. Expires two windows after its last change. */
  budget: (upstream: string, bucket: string) => key('budget', upstream, bucket),
} as const;

// Parts are escaped so that ("a:b", "c") and ("a", "b:c") result in different keys.
function key(...parts: readonly [string, ...string[]]): string {
  return [PREFIX, ...parts.map(encodeURIComponent)].join(':');
}

/** Keys with the same hash tag are on the same node of a cluster, so that one script can use them. */
function tagged(kind: string, name: string, ...rest: readonly string[]): string {
  return [PREFIX, kind, `{${encodeURIComponent(name)}}`, ...rest].join(':');
}
