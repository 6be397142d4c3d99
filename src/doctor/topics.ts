/** Sections of docs/troubleshooting.md, by the anchors of their headings. */
export const TOPICS = [
  'the-client-pulls-past-the-cache',
  'the-configuration-is-not-valid',
  'a-secret-can-be-read-by-others',
  'the-certificate-does-not-fit-or-has-expired',
  'node-is-too-old',
  'too-few-open-files',
  'too-little-memory',
  'the-port-is-in-use',
  'the-directory-cannot-be-written',
  'the-disk-is-full',
  'the-storage-is-slow',
  'the-index-is-on-a-network-file-system',
  'redis-does-not-respond',
  'redis-evicts-keys',
  'the-upstream-is-not-reachable',
  'the-upstream-certificate-is-not-trusted',
  'the-upstream-is-not-a-registry',
  'the-upstream-refuses-the-credentials-401',
  'the-upstream-limits-pulls-429',
  'the-clock-is-wrong',
  'the-server-does-not-respond',
  'http-is-spoken-to-tls',
  'the-cache-is-open-to-everyone',
  'images-are-stale',
] as const;

export type Topic = (typeof TOPICS)[number];
