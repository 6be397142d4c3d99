import { z } from 'zod';
import { CIPHER_SUITES, toOpensslCiphers } from '../cipher-suites.ts';
import { httpUrl } from './address.ts';
import { otherwise, withDefault } from './defaults.ts';
import { choice, file, matching, path, text } from './text.ts';

const CLIENT_AUTH = [
  'request-client-cert',
  'require-any-client-cert',
  'verify-client-cert-if-given',
  'require-and-verify-client-cert',
] as const;

const NODE_VERSIONS = { 'tls1.2': 'TLSv1.2', 'tls1.3': 'TLSv1.3' } as const;

const host = matching('A host.', {
  pattern: /^(?!-)[A-Za-z0-9.-]{1,253}$/,
  expected: 'must be the name of a host',
  format: 'host',
});

const letsEncrypt = z
  .strictObject({
    cachefile: path(
      "Directory for the account's key and the certificate. With `hosts`, it turns ACME on, instead of `certificate` and `key`.",
    ).optional(),
    hosts: z.array(host).describe('Host names in the certificate.').optional(),
    email: text('Contact address for the authority.').optional(),
    directoryurl: otherwise(httpUrl('Directory of another ACME server.'), "Let's Encrypt"),
    directoryca: file('PEM file with the CA of that directory, if the system does not trust it.').optional(),
  })
  .transform(({ cachefile, hosts, email, directoryurl, directoryca }) =>
    cachefile === undefined || hosts === undefined
      ? undefined
      : { cacheDirectory: cachefile, email, hosts, directoryUrl: directoryurl, directoryCa: directoryca },
  )
  .describe('A certificate by ACME.');

export const tls = z
  .strictObject({
    certificate: file('PEM file with the certificate and its chain; turns HTTPS on.').optional(),
    key: file('PEM file with the private key.').optional(),
    clientcas: z
      .array(file('A PEM file.', 'certificates'))
      .describe('PEM files with the CAs of client certificates; turns client certificates on.')
      .optional(),
    clientauth: withDefault(
      choice('How client certificates are requested and verified.', CLIENT_AUTH),
      'require-and-verify-client-cert',
    ),
    minimumtls: withDefault(choice('Lowest TLS version.', ['tls1.2', 'tls1.3']), 'tls1.2'),
    ciphersuites: otherwise(
      z
        .array(choice('A cipher suite.', CIPHER_SUITES, 'cipher suite'))
        .describe(
          "Cipher suites of TLS 1.2 by Go's names, such as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. Those of TLS 1.3 are always on.",
        ),
      "OpenSSL's",
    ),
    letsencrypt: letsEncrypt.prefault({}),
  })
  .transform((raw) => {
    const { letsencrypt, certificate, key } = raw;
    if (!letsencrypt && (certificate === undefined || key === undefined)) return undefined;
    return {
      /** Empty with {@link letsEncrypt}, like `key`. */
      certificate: certificate ?? '',
      key: key ?? '',
      letsEncrypt: letsencrypt,
      clientCas: raw.clientcas ?? [],
      clientAuth: raw.clientauth,
      minimumVersion: NODE_VERSIONS[raw.minimumtls],
      /** For OpenSSL. Absent for its own choice. */
      ciphers: toOpensslCiphers(raw.ciphersuites ?? []),
    };
  })
  .describe('HTTPS.');
