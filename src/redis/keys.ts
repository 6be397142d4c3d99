/*
 * Distribution's keys are its own, to the letter, so that it and we can share one Redis. None of them has a hash tag, so
 * on a cluster they lie on different nodes: a command names one of them, and nothing relies on two changing together.
 */

/** Bump when the shape of a stored value changes: old keys then expire unread. */
const PREFIX = 'layover:v1';

/** Every Redis key and channel in use: what it holds, of which type, for how long. */
export const redisKeys = {
  /** Set: digests that the repository has, blobs and manifests alike. Distribution's; never expires. */
  repositoryBlobs: (repository: string) => `repository::${repository}::blobs`,

  /** Hash: `mediatype` of one digest in one repository. Distribution's; never expires, as it takes a member without it for a failure. */
  repositoryDescriptor: (repository: string, digest: string) => `repository::${repository}::blobs::${digest}`,

  /** Hash: `digest`, `size` and `mediatype` of one digest. Distribution's; from us it expires after a day. */
  descriptor: (digest: string) => `blobs::${digest}`,

  /** Channel: `<sender> <repository>@<digest>` of a descriptor that was removed. */
  removedDescriptors: () => key('removed-descriptors'),

  /** String: written to see whether it can be. Expires after a second. */
  probe: () => key('probe'),

  /** String: what replicas show each other. Never expires. */
  peerSecret: () => key('peer-secret'),

  /** String: `<owner> <token> <address>` of the process that holds the lease. Expires when it is not renewed. */
  lease: (name: string) => tagged('lease', name),

  /** String: the token given out last for this lease. Expires a day after the last one. */
  leaseToken: (name: string) => tagged('lease', name, 'token'),

  /**
   * What all keys of the usage index begin with: scripts append to it, and all of them lie on one node of a cluster. None expires.
   *
   * - `:meta`, hash: `bytes`, `digests`, `references`, `changes` and `marker-<name>`
   * - `:repositories`, sorted set: names, all with the score 0
   * - `:r:<name>`, hash: `<kind><digest>` → `<bytes> <last use>[ <rank>]`, of one repository
   * - `:q:<kind>`, sorted set: `<digest> <name>` by rank, in Unix milliseconds
   * - `:d:<digest>`, hash: `s` bytes, `n` references, `p` parts, `<kind><name>` for each holder, `w<digest>` for each whole
   * - `:loose`, sorted set: digests that nobody holds, all with the score 0
   * - `:pins`, hash: pattern → Unix milliseconds
   */
  index: () => tagged('index', 'usage'),

  /** String: `<owner> <token> ` of the process that removes the digest. Expires when it is not renewed. */
  removal: (digest: string) => `${tagged('index', 'usage')}:removal:${digest}`,

  /** Sorted set: who is linking the digest right now, by the time until which that counts. Expires. */
  linking: (digest: string) => `${tagged('index', 'usage')}:linking:${digest}`,

  /** Sorted set: `<digest> <bytes>` that running fills will take, by the time until which that counts. */
  reserved: () => `${tagged('index', 'usage')}:reserved`,
} as const;

// Parts are escaped so that ("a:b", "c") and ("a", "b:c") can not meet in one key.
function key(...parts: readonly [string, ...string[]]): string {
  return [PREFIX, ...parts.map(encodeURIComponent)].join(':');
}

/** Keys with the same tag lie on the same node of a cluster, so that one script may use them. */
function tagged(kind: string, name: string, ...rest: readonly string[]): string {
  return [PREFIX, kind, `{${encodeURIComponent(name)}}`, ...rest].join(':');
}
