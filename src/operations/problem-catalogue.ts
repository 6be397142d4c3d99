/** `error`: clients do not get what they request, or will not soon. `warning`: they do, and something needs attention. */
export type ProblemSeverity = 'error' | 'warning' | 'notice';

interface ProblemText {
  readonly severity: ProblemSeverity;
  readonly text: string;
  readonly todo: string;
  /** A page, and its heading. */
  readonly docs: string;
}

/** Every cause, with one text for all that show it. */
export const PROBLEMS = {
  network: {
    severity: 'warning',
    text: 'An upstream cannot be reached.',
    todo: 'Check DNS, firewall and proxy of this machine: curl -v the address of the upstream.',
    docs: 'docs/operating.md#layoverupstreamunreachable',
  },
  timeout: {
    severity: 'warning',
    text: 'An upstream does not respond in time.',
    todo: 'Check the network; raise the timeouts of the upstream if it is slow by nature.',
    docs: 'docs/operating.md#layoverupstreamunreachable',
  },
  throttled: {
    severity: 'error',
    text: 'An upstream refuses pulls, because too many were made.',
    todo: 'Add an account under credentials, or raise tags.ttl; layover budget shows who spends the pulls.',
    docs: 'docs/docker-hub.md#when-pulls-run-low',
  },
  unauthorized: {
    severity: 'warning',
    text: 'An upstream requires credentials for a repository.',
    todo: 'Set credentials of the upstream for an account that may pull it. Some upstreams respond like this when it does not exist.',
    docs: 'docs/troubleshooting.md#the-upstream-refuses-the-credentials-401',
  },
  'login-refused': {
    severity: 'error',
    text: 'An upstream refuses the credentials of an account.',
    todo: 'Renew the password or token under credentials of the upstream.',
    docs: 'docs/operating.md#layoveraccountlockedout',
  },
  credentials: {
    severity: 'error',
    text: 'Credentials for an upstream cannot be read.',
    todo: 'Check the file or command under credentials, and that the user of the process may read or run it.',
    docs: 'docs/operating.md#layovercredentialsunreadable',
  },
  denied: {
    severity: 'notice',
    text: 'An upstream denies access to a repository.',
    todo: 'Check the name; for a private repository add an account that may pull it.',
    docs: 'docs/docker-hub.md#several-accounts',
  },
  server: {
    severity: 'warning',
    text: 'An upstream fails with an internal error.',
    todo: 'Look at the status page of the upstream. Cached content is served meanwhile.',
    docs: 'docs/operating.md#layoverservingstale',
  },
  protocol: {
    severity: 'warning',
    text: 'An upstream sends invalid responses.',
    todo: 'Check that remoteurl leads to a registry, and that no proxy in between responds for it.',
    docs: 'docs/operating.md#failures',
  },
  'breaker-open': {
    severity: 'error',
    text: 'A host failed repeatedly, and is not called for a time.',
    todo: 'Solve the problem of the host; then probe it, instead of waiting.',
    docs: 'docs/admin-api.md#upstreams',
  },
  'fill-failed': {
    severity: 'warning',
    text: 'A blob could not be fetched completely.',
    todo: 'The next pull resumes. When it repeats, check the network to the host of the blobs.',
    docs: 'docs/operating.md#layoverfillsfailing',
  },
  'fill-discarded': {
    severity: 'error',
    text: 'A fetched blob was discarded: its bytes are wrong, or there is no space.',
    todo: 'With wrong bytes check proxies in between; otherwise free disk space or set storage.quota.',
    docs: 'docs/operating.md#layoverfillsfailing',
  },
  'disk-full': {
    severity: 'error',
    text: 'The storage is full or read-only: nothing new is cached.',
    todo: 'Free space or set storage.quota.size below the size of the disk.',
    docs: 'docs/operating.md#layoverstoragefull',
  },
  damaged: {
    severity: 'error',
    text: 'Stored content is damaged. It is not served, and fetched again.',
    todo: 'Check the disk, then run layover cache scrub.',
    docs: 'docs/operating.md#layoverdamagedcontent',
  },
  'check-failing': {
    severity: 'error',
    text: 'A health check fails.',
    todo: 'Solve the reason, which /readyz on the debug address shows as well.',
    docs: 'docs/operating.md#health',
  },
  'unknown-registry': {
    severity: 'warning',
    text: 'A client named a registry that is not configured.',
    todo: 'Add it to proxy.upstreams, or remove the mirror from the configuration of the client.',
    docs: 'docs/clients.md#how-a-client-selects-a-registry',
  },
  'not-allowed': {
    severity: 'notice',
    text: 'A client was denied something.',
    todo: 'Check allow and deny of the upstream, and auth.policy.',
    docs: 'docs/authentication.md#rules-authpolicy',
  },
  'denied-by-policy': {
    severity: 'notice',
    text: 'A client requested content that policy.deny or a recall refuses.',
    todo: 'This is the effect of the policy. layover recall --list shows recalled content; policy.deny has the other entries.',
    docs: 'docs/policy.md#what-a-refusal-covers',
  },
  'deny-file': {
    severity: 'error',
    text: 'The deny file cannot be read: its previous entries apply, and new ones do not.',
    todo: 'Mend the line, or make the file readable: it is read again within a second.',
    docs: 'docs/policy.md#the-deny-file',
  },
  'login-failed': {
    severity: 'notice',
    text: 'A client sent wrong or expired credentials.',
    todo: 'Log in again at the client; many of one address may be guessing.',
    docs: 'docs/authentication.md#limit-on-wrong-passwords',
  },
  'pings-never-pulls': {
    severity: 'notice',
    text: 'A client checks the registry and never pulls from it.',
    todo: 'Its mirror setting is incomplete: it pulls from the internet. Check its configuration.',
    docs: 'docs/clients.md#how-a-client-selects-a-registry',
  },
  'certificate-ends': {
    severity: 'warning',
    text: 'The certificate of the server ends within a week, or has ended.',
    todo: 'Renew the files of http.tls; they are read again when they change.',
    docs: 'docs/operating.md#layovercertificateexpires',
  },
  'webhook-failing': {
    severity: 'warning',
    text: 'An endpoint does not accept events.',
    todo: 'Check the endpoint. Events wait on disk meanwhile.',
    docs: 'docs/operating.md#layoverdeadletters',
  },
} as const satisfies Readonly<Record<string, ProblemText>>;

export type ProblemCause = keyof typeof PROBLEMS;
