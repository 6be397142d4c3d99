/** Who is calling, and who may do what. */
export interface AuthConfig {
  readonly htpasswd: HtpasswdConfig | undefined;
  readonly token: TokenConfig | undefined;
  readonly silly: { readonly realm: string; readonly service: string } | undefined;
  readonly mtls: MtlsConfig | undefined;
  readonly issuer: IssuerConfig | undefined;
  /** `/v2/` is answered for nobody in particular as well. */
  readonly openPing: boolean;
  /** In order. Never empty: without `auth.policy` there is one, for everybody who is known. */
  readonly policy: readonly PolicyRuleConfig[];
  /** `auth.policy` is there. */
  readonly isRestricted: boolean;
  /** Members by group. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly groupFile: string | undefined;
  /** Wrong passwords of one address in a minute before it has to wait; 0: any number. */
  readonly maxFailures: number;
}

export interface HtpasswdConfig {
  readonly realm: string;
  readonly path: string;
}

export interface TokenConfig {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** PEM file. */
  readonly rootCertBundle: string | undefined;
  /** File. */
  readonly jwks: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly algorithms: readonly string[];
  /** Path on the host that the client asked, which is then the realm. */
  readonly autoRedirectPath: string | undefined;
  readonly groupsClaim: string;
}

export interface MtlsConfig {
  readonly name: 'cn' | 'san';
  readonly groups: 'ou' | 'none';
}

export interface IssuerConfig {
  readonly service: string;
  readonly issuer: string;
  /** PEM file with private keys, of which the first signs; undefined: a key that ends with the process. */
  readonly keyFile: string | undefined;
  readonly lifetimeMs: number;
  /** 0: none are given out. */
  readonly refreshLifetimeMs: number;
}

export type PolicyAction = 'pull' | 'push' | 'delete';

export interface PolicyRuleConfig {
  /** `everybody`: also who is nobody in particular. */
  readonly who:
    | { readonly kind: 'everybody' }
    | { readonly kind: 'known' }
    | { readonly kind: 'named'; readonly users: readonly string[]; readonly groups: readonly string[] };
  /** Globs over the names that repositories are stored under. */
  readonly repositories: readonly string[];
  readonly actions: readonly PolicyAction[];
  readonly effect: 'allow' | 'deny';
}
