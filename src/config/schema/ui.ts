import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { hosts, httpUrl } from './address.ts';
import { otherwise, withDefault } from './defaults.ts';
import { bool } from './number.ts';
import { file, matching, name } from './text.ts';

const headerName = (description: string) =>
  matching(description, {
    pattern: /^[A-Za-z0-9-]+$/,
    expected: 'must be the name of a header, such as X-Forwarded-User',
    format: 'header',
  });

const oidc = z
  .strictObject({
    issuer: httpUrl('URL of the provider; its `/.well-known/openid-configuration` is read at the first sign-in.'),
    clientid: name('Name of Layover at the provider.'),
    clientsecretfile: otherwise(
      file('File with the secret of the client; read at the first sign-in.'),
      'none: a public client',
    ),
    scopes: withDefault(name('Requested scopes, separated by spaces.'), 'openid profile email'),
    usernameclaim: withDefault(name('Claim of the ID token with the name of the user.'), 'preferred_username'),
    groupsclaim: withDefault(name("Claim of the ID token with the user's groups."), 'groups'),
  })
  .transform(({ issuer, clientid, clientsecretfile, scopes, usernameclaim, groupsclaim }) => ({
    issuer,
    clientId: clientid,
    clientSecretFile: clientsecretfile,
    scopes,
    usernameClaim: usernameclaim,
    groupsClaim: groupsclaim,
  }))
  .describe('Sign-in at an OpenID Connect provider, by authorization code with PKCE.');

const signIn = z
  .strictObject({
    header: headerName(
      'Header with the name of the user, set by a proxy in `http.trustedproxies`. That proxy must remove it from the requests of clients.',
    ).optional(),
    groupsheader: headerName("Header with the user's groups, separated by commas, from the same proxy.").optional(),
    oidc: oidc.optional(),
  })
  .transform(({ header, groupsheader, oidc: provider }) => ({
    header: header?.toLowerCase(),
    groupsHeader: groupsheader?.toLowerCase(),
    oidc: provider,
  }))
  .describe('Sign-in to the dashboard, in addition to the methods of `auth`.');

export const ui = z
  .strictObject({
    enabled: otherwise(
      bool('Serve the dashboard at `/ui/` and the admin API, on `http.addr` and on `admin.addr`.'),
      'when `http.addr` is a loopback address or a socket, or `auth` is set; always on `admin.addr`',
    ),
    hosts: hosts(
      'More names in `Host` under which the dashboard and the admin API are served, in addition to IP addresses, `localhost` and that of `http.host`.',
    ).optional(),
    auth: signIn.prefault({}),
  })
  .transform(({ enabled, hosts: more = [], auth }) => ({ isEnabled: enabled, hosts: more, signIn: auth }))
  .describe('The dashboard.');

export type UiConfig = Immutable<z.output<typeof ui>>;
export type OidcConfig = NonNullable<UiConfig['signIn']['oidc']>;
