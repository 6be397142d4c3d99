import { join } from 'node:path';
import type { AuthConfig, IssuerConfig, PolicyRuleConfig, StorageDriverConfig, TokenConfig } from './config.ts';
import { toActions } from './schema/auth.ts';
import type { RawConfig } from './schema/schema.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** As Docker Hub's. */
const TOKEN_LIFETIME = 5 * MINUTE;
const REFRESH_LIFETIME = 30 * DAY;
/** Wrong passwords of one address in a minute. */
const MAX_FAILURES = 30;
/** As distribution. */
const AUTO_REDIRECT_PATH = '/auth/token';
const ALGORITHMS = [
  'EdDSA',
  ...['HS', 'RS', 'ES', 'PS'].flatMap((family) => [256, 384, 512].map((n) => `${family}${n}`)),
];
const NAME = 'layover';

type RawAuth = NonNullable<RawConfig['auth']>;

/** @returns undefined when everybody may do everything */
export function resolveAuth(auth: RawAuth | undefined, driver: StorageDriverConfig): AuthConfig | undefined {
  if (auth === undefined || auth.none !== undefined || Object.keys(auth).length === 0) return undefined;
  const { htpasswd, silly, mtls } = auth;
  return {
    htpasswd,
    silly,
    token: auth.token && resolveToken(auth.token),
    mtls: mtls && { name: mtls.name ?? 'cn', groups: mtls.groups ?? 'ou' },
    issuer: auth.issuer && resolveIssuer(auth.issuer, driver),
    openPing: auth.anonymous?.ping ?? false,
    policy: resolvePolicy(auth),
    isRestricted: auth.policy !== undefined,
    groups: auth.groups ?? {},
    groupFile: auth.groupfile,
    maxFailures: auth.maxfailures ?? MAX_FAILURES,
  };
}

function resolvePolicy({ policy, anonymous }: RawAuth): PolicyRuleConfig[] {
  const everything = { repositories: ['**'], actions: toActions(['*']), effect: 'allow' } as const;
  const rules: PolicyRuleConfig[] = policy ? [...policy] : [{ who: { kind: 'known' }, ...everything }];
  if (anonymous) {
    const { repositories = everything.repositories, actions = ['pull'] } = anonymous;
    rules.push({ who: { kind: 'everybody' }, repositories, actions: toActions(actions), effect: 'allow' });
  }
  return rules;
}

function resolveToken(token: NonNullable<RawAuth['token']>): TokenConfig {
  const { realm, service, issuer } = token;
  return {
    realm,
    service,
    issuer,
    rootCertBundle: token.rootcertbundle,
    jwks: token.jwks,
    jwksUrl: token.jwksurl,
    algorithms: token.signingalgorithms?.length ? token.signingalgorithms : ALGORITHMS,
    autoRedirectPath: token.autoredirect ? (token.autoredirectpath ?? AUTO_REDIRECT_PATH) : undefined,
    groupsClaim: token.groupsclaim ?? 'groups',
  };
}

function resolveIssuer(issuer: NonNullable<RawAuth['issuer']>, driver: StorageDriverConfig): IssuerConfig {
  const beside = driver.kind === 'filesystem' ? join(driver.rootDirectory, 'layover', 'token-keys.pem') : undefined;
  return {
    service: issuer.service ?? NAME,
    issuer: issuer.issuer ?? NAME,
    keyFile: issuer.keyfile ?? beside,
    lifetimeMs: issuer.lifetime ?? TOKEN_LIFETIME,
    refreshLifetimeMs: issuer.refreshlifetime ?? REFRESH_LIFETIME,
  };
}
