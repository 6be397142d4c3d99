/** How to reach one registry, and its mirrors. */
export interface UpstreamOptions {
  /** In errors and events, such as `docker.io`. */
  readonly name: string;
  /** Without a trailing slash; may have a path, which goes before `/v2/`. */
  readonly remoteUrl: string;
  /** Tried in order before `remoteUrl`; without trailing slashes. */
  readonly mirrors: readonly (string | MirrorOptions)[];
  /** Tried in order; the first that has something for the host is used. Empty: anonymous. */
  readonly credentials: readonly CredentialsOptions[];
  readonly timeouts: UpstreamTimeouts;
  readonly tls: UpstreamTls;
  /** URL. Takes precedence over `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`. */
  readonly httpProxy: string | undefined;
}

export interface MirrorOptions {
  readonly url: string;
  /** Tags are requested from it, too; they are from a mirror given as a string. */
  readonly tags: boolean;
}

/** Milliseconds. */
export interface UpstreamTimeouts {
  readonly connectMs: number;
  /** From the request to the headers of its response. */
  readonly headersMs: number;
  /** Between two parts of a body. */
  readonly idleMs: number;
}

export interface UpstreamTls {
  /** PEM file, in addition to the public CAs of Node.js. */
  readonly caFile: string | undefined;
  /** Skip certificate verification. */
  readonly insecure: boolean;
}

export type CredentialsOptions = CredentialsPlace & {
  /** Token servers outside of the registry's domain, with or without a port, that may get them. @default none */
  readonly realms?: readonly string[];
  /** In metrics and reports. @default the user name */
  readonly name?: string | undefined;
  /** Globs over the repositories that only these credentials are for. @default all that no others are for */
  readonly for?: readonly string[] | undefined;
  /** Groups of the only clients that they are for. @default every client */
  readonly groups?: readonly string[] | undefined;
};

export type CredentialsPlace =
  /** None: the limits of the address. */
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'static'; readonly username: string; readonly password: string }
  /** The file holds the password, or `username:password` when `username` is absent; read again when it changes. */
  | { readonly kind: 'file'; readonly username: string | undefined; readonly path: string }
  /** A docker `config.json`, with its `auths`, `credHelpers` and `credsStore`. */
  | { readonly kind: 'dockerconfig'; readonly path: string }
  /** A docker credential helper. It runs again after `lifetimeMs`: 0 for every token. Without it, it runs once. */
  | { readonly kind: 'exec'; readonly command: string; readonly lifetimeMs: number | undefined };
