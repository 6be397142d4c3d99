import { z } from 'zod';
import { httpUrl } from './address.ts';
import { otherwise, withDefault } from './defaults.ts';
import { ownDuration, ownTimer } from './duration.ts';
import { bool } from './number.ts';
import { choice, file, matching, name, path } from './text.ts';

/** Signing algorithms of distribution. */
const ALGORITHMS = [
  'EdDSA',
  ...['HS', 'RS', 'ES', 'PS'].flatMap((family) => [256, 384, 512].map((bits) => `${family}${bits}`)),
];

const realm = name('Realm of the login.');

export const silly = z
  .strictObject({ realm, service: name('Name of this service.') })
  .describe('For development: any Authorization header is accepted.');

export const htpasswd = z
  .strictObject({
    realm,
    path: path(
      'File with a user and a bcrypt hash on each line; read again when it changes, created with a user `docker` when it is missing.',
    ),
  })
  .describe('Users of a file.');

const ONE_REQUIRED = 'one of `rootcertbundle`, `jwks` and `jwksurl` is required';

const algorithm = matching('A signing algorithm.', {
  pattern: new RegExp(`^(?:${ALGORITHMS.join('|')})$`),
  expected: 'must be EdDSA, or HS, RS, ES or PS with 256, 384 or 512',
});

export const token = z
  .strictObject({
    realm: name('URL of the token server.'),
    service: name('Name of this service in tokens.'),
    issuer: name('Name of the token server in tokens.'),
    rootcertbundle: otherwise(file('PEM file with the certificates of signing keys.'), ONE_REQUIRED),
    jwks: otherwise(file('File with a JSON web key set.'), ONE_REQUIRED),
    jwksurl: otherwise(httpUrl("URL of the token server's JSON web key set."), ONE_REQUIRED),
    signingalgorithms: otherwise(
      z.array(algorithm).describe('`EdDSA`, and `HS`, `RS`, `ES`, `PS` with 256, 384, 512.'),
      'all',
    ),
    autoredirect: withDefault(bool('The token server is on the host that the client used.'), 'false'),
    autoredirectpath: withDefault(
      matching('Path of the token server there.', {
        pattern: /^\/\S*$/,
        expected: 'must start with /',
        format: 'path',
      }),
      '/auth/token',
    ),
    groupsclaim: withDefault(name("Claim with the user's groups."), 'groups'),
  })
  .transform(({ realm: url, service, issuer: server, ...raw }) => ({
    realm: url,
    service,
    issuer: server,
    rootCertBundle: raw.rootcertbundle,
    jwks: raw.jwks,
    jwksUrl: raw.jwksurl,
    algorithms: raw.signingalgorithms?.length ? raw.signingalgorithms : ALGORITHMS,
    /** Path on the host that the client used, which is then the realm. */
    autoRedirectPath: raw.autoredirect ? raw.autoredirectpath : undefined,
    groupsClaim: raw.groupsclaim,
  }))
  .describe('Bearer tokens of a token server.');

export const mtls = z
  .strictObject({
    name: withDefault(
      choice('User name in the certificate: the common name, or the first alternative name.', ['cn', 'san']),
      'cn',
    ),
    groups: withDefault(choice('Groups in the certificate: the organizational units.', ['ou', 'none']), 'ou'),
  })
  .describe('Client certificates; needs http.tls.clientcas.');

export const issuer = z
  .strictObject({
    service: withDefault(name('Name of this service in tokens.'), 'layover'),
    issuer: withDefault(name('Name of the issuer in tokens.'), 'layover'),
    keyfile: otherwise(
      path('PEM file with private keys, of which the first signs; created when it is missing.'),
      '`layover/token-keys.pem` in the storage directory; a key in memory for drivers without one',
    ),
    // Like Docker Hub's.
    lifetime: withDefault(ownTimer('Lifetime of a token.'), '5m'),
    refreshlifetime: withDefault(
      ownDuration('Lifetime of the refresh token that Docker stores instead of a password. `0`: none is issued.'),
      '30d',
    ),
  })
  .transform(({ service, issuer: server, keyfile, lifetime, refreshlifetime }) => ({
    service,
    issuer: server,
    keyFile: keyfile,
    lifetimeMs: lifetime,
    refreshLifetimeMs: refreshlifetime,
  }))
  .describe('Issues tokens at /token to clients that log in.');
