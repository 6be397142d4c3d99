import { Auth, type Caller } from '../../src/auth/auth.ts';
import type { AuthEvents } from '../../src/auth/auth-events.ts';
import type { ChallengeContext } from '../../src/auth/authenticator.ts';
import type { AuthConfig, TokenConfig } from '../../src/config/config.ts';

export const ALGORITHMS = [
  'EdDSA',
  ...['HS', 'RS', 'ES', 'PS'].flatMap((kind) => [256, 384, 512].map((n) => kind + n)),
];

export const TOKEN: TokenConfig = {
  realm: 'https://auth.example/token',
  service: 'registry.example',
  issuer: 'auth.example',
  rootCertBundle: undefined,
  jwks: undefined,
  jwksUrl: undefined,
  algorithms: ALGORITHMS,
  autoRedirectPath: undefined,
  groupsClaim: 'groups',
};

const NOTHING: AuthConfig = {
  htpasswd: undefined,
  token: undefined,
  silly: undefined,
  mtls: undefined,
  issuer: undefined,
  openPing: false,
  policy: [{ who: { kind: 'known' }, repositories: ['**'], actions: ['pull', 'push', 'delete'], effect: 'allow' }],
  isRestricted: false,
  groups: {},
  groupFile: undefined,
  maxFailures: 0,
};

/** The real `Auth`; `reported` has the events for operators. */
export async function openAuth(config: Partial<AuthConfig>, now: () => number = Date.now) {
  const reported: string[] = [];
  const events = new Proxy({} as AuthEvents, {
    get: (_target, name) => (event: unknown) => reported.push(`${String(name)} ${JSON.stringify(event)}`),
  });
  const auth = await Auth.open({ config: { ...NOTHING, ...config }, events, now });
  return {
    auth,
    reported,
    identify: async (authorization: string | undefined): Promise<Caller> =>
      auth.identify({ authorization, address: '192.0.2.1', connection: {}, certificate: () => undefined }),
  };
}

export const ASKED: ChallengeContext = {
  accesses: [],
  error: undefined,
  host: 'registry.example:5000',
  forwardedProto: undefined,
  baseUrl: 'https://registry.example',
};
