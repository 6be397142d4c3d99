import { z } from 'zod';
import { CIPHER_SUITES } from '../cipher-suites.ts';
import {
  bool,
  choice,
  hosts,
  httpUrl,
  integer,
  matching,
  name,
  network,
  ownTimer,
  secret,
  size,
  tcpAddress,
  text,
  timer,
} from './scalar.ts';

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const headerValue = () =>
  matching('A value.', { pattern: /^[\t\x20-\x7e\x80-\xff]*$/, expected: 'must be text without line breaks' });

/** Names and values that can be sent. RFC 9110, section 5. One value may stand without its list. */
export const headers = () =>
  z.record(
    z.string().regex(TOKEN, 'is no name of a header'),
    z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(headerValue())),
  );

const CLIENT_AUTH = [
  'request-client-cert',
  'require-any-client-cert',
  'verify-client-cert-if-given',
  'require-and-verify-client-cert',
] as const;

const letsEncrypt = z.strictObject({
  cachefile: name("Directory for the account's key and the certificate.").optional(),
  email: text('Given to the CA.').optional(),
  hosts: z
    .array(matching('A host.', { pattern: /^(?!-)[A-Za-z0-9.-]{1,253}$/, expected: 'must be the name of a host' }))
    .describe('Names in the certificate.')
    .optional(),
  directoryurl: httpUrl("The directory of an ACME server. Default: Let's Encrypt's.").optional(),
  directoryca: name('PEM file with the CA of that directory.').optional(),
});

const tls = z
  .strictObject({
    certificate: text('PEM file with the certificate and its chain.').optional(),
    key: text('PEM file with the private key.').optional(),
    clientcas: z
      .array(name('A PEM file.'))
      .describe('CAs of client certificates; turns client certificates on.')
      .optional(),
    clientauth: choice('Default: require-and-verify-client-cert.', CLIENT_AUTH).optional(),
    minimumtls: choice('Default: tls1.2.', ['tls1.2', 'tls1.3']).optional(),
    ciphersuites: z
      .array(choice('A cipher suite of TLS 1.2, by its name in Go.', CIPHER_SUITES))
      .describe('Cipher suites of TLS 1.2; those of TLS 1.3 are always on.')
      .optional(),
    letsencrypt: letsEncrypt.describe('Certificates by ACME.').optional(),
  })
  .describe('Serve HTTPS.');

const debug = z
  .strictObject({
    addr: tcpAddress('Address of the debug server, such as localhost:5001.').optional(),
    hosts: hosts('Names and addresses by which it is reached, beside its own and those of loopback.').optional(),
    prometheus: z
      .strictObject({
        enabled: bool('Serve metrics. Default: false.').optional(),
        path: matching('Default: /metrics.', { pattern: /^\/\S*$/, expected: 'must start with /' }).optional(),
      })
      .describe('Metrics for Prometheus.')
      .optional(),
  })
  .describe('Health and metrics, on an address of their own.');

const count = (description: string) => integer(`${description} 0: no limit.`, { min: 0 });

const limits = z
  .strictObject({
    headertimeout: ownTimer('For the whole header of a request, and for a TLS handshake. Default: 60s.').optional(),
    stalltimeout: ownTimer('Without a byte in the middle of a request or an answer. Default: 2m.').optional(),
    idletimeout: ownTimer('Between two requests of a connection. Default: 75s.').optional(),
    maxmanifestsize: size('Of a manifest that is pushed; 64MiB at most, and with 0. Default: 4MiB.').optional(),
    maxblobsize: size('Of a blob that is pushed. 0: no limit. Default: 0.').optional(),
    maxrequestsperclient: count('Requests of one client at the same time. Default: 1000.').optional(),
    maxconnections: count('Connections. Default: 10000.').optional(),
    maxconnectionsperclient: count('Connections of one address. Default: 2500.').optional(),
  })
  .describe('What clients may do at most.');

const prefix = matching('Path before /v2/. Default: /.', {
  pattern: /^\/(?:[^\s?#]*\/)?$/,
  expected: 'must start and end with /',
});

export const http = z
  .strictObject({
    addr: text(
      'Address to listen on: :5000, 127.0.0.1:5000, [::1]:5000; a socket path with net: unix. Default: :5000.',
    ).optional(),
    net: choice('Default: tcp.', ['tcp', 'unix']).optional(),
    host: httpUrl('How clients reach this service: https://registry.example.com.').optional(),
    prefix: prefix.optional(),
    secret: secret('Signs upload sessions.').optional(),
    relativeurls: bool(
      'Location headers without scheme and host. Default: unless host or a trusted proxy tells them.',
    ).optional(),
    trustedproxies: z
      .array(network('An address, a network such as 10.0.0.0/8, or unix.'))
      .describe('Whose Forwarded and X-Forwarded-* headers count. Default: nobody.')
      .optional(),
    draintimeout: timer('How long running answers may take after SIGTERM. Default: 30s; 0: not at all.').optional(),
    draindelay: timer('How long requests are served on after SIGTERM while /readyz says 503. Default: 0.').optional(),
    tls: tls.optional(),
    headers: headers().describe('Added to every answer under /v2/.').optional(),
    limits: limits.optional(),
    socketmode: matching('Permissions of a unix socket, such as "0660".', {
      pattern: /^0?[0-7]{3}$/,
      expected: 'must be octal permissions such as "0660"',
    }).optional(),
    debug: debug.optional(),
    http2: z
      .strictObject({ disabled: bool('HTTP/1.1 only.').optional() })
      .describe('HTTP/2 with TLS.')
      .optional(),
    h2c: z
      .strictObject({ enabled: bool('HTTP/2 without TLS.').optional() })
      .describe('HTTP/2 without TLS.')
      .optional(),
  })
  .describe('How clients talk to this service.');
