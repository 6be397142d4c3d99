import type { Server, ServerOptions } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { HttpConfig, TlsConfig } from '../../config/config.ts';
import { AcmeCertificate } from '../tls/acme-certificate.ts';
import { isChallenge } from '../tls/acme-challenges.ts';
import { type CertificateEvents, certificateFiles } from '../tls/certificate-source.ts';
import { loadTlsContext, tlsContextVersion } from '../tls/tls-context.ts';
import { reportExpiry, TlsReload } from '../tls/tls-reload.ts';
import { chooseConnections, peek, type ServeConnection } from './choose-connections.ts';
import type { Http2 } from './http2.ts';

export interface SecureServerOptions {
  readonly tls: TlsConfig;
  readonly http: Pick<HttpConfig, 'http2' | 'limits'>;
  readonly events: CertificateEvents;
  /** Of `node:http`. */
  readonly server: ServerOptions;
}

/** An HTTPS server, and the certificate that it serves. @throws when a TLS file cannot be read */
export async function openSecureServer({ tls, http, events, server: options }: SecureServerOptions) {
  const acme = tls.letsEncrypt && new AcmeCertificate(tls.letsEncrypt, events.log);
  await acme?.load();
  const source = acme ?? certificateFiles(tls);
  const version = await tlsContextVersion(tls, source);
  const context = await loadTlsContext(tls, source);
  reportExpiry(context, events);
  const server = createServer({
    ...options,
    ...context,
    ALPNProtocols: http.http2.secure ? ['h2', 'http/1.1'] : ['http/1.1'],
    handshakeTimeout: http.limits.headerMs,
    requestCert: tls.clientCas.length > 0,
    rejectUnauthorized: tls.clientAuth === 'require-and-verify-client-cert' && tls.clientCas.length > 0,
  });
  if (acme) serveChallenges(server, acme, http.limits.headerMs);
  const reload = new TlsReload(server, tls, { source, events, version });
  return {
    server,
    acme,
    serveHttp2: (http2: Http2) => chooseConnections(server, 'secureConnection', byProtocol(tls, http2)),
    stop() {
      reload.stop();
      acme?.stop();
    },
  };
}

/** Inspects handshakes only while a challenge is pending. */
function serveChallenges(server: Server, { challenges }: AcmeCertificate, timeoutMs: number): void {
  chooseConnections(server, 'connection', (socket, serve) => {
    if (!challenges.isPending) serve(socket);
    else peek(socket, { test: isChallenge, yes: (chosen) => challenges.serve(chosen), no: serve, timeoutMs });
  });
}

/** By the protocol that the client chose in the handshake (ALPN): RFC 7301. */
function byProtocol(tls: TlsConfig, http2: Http2) {
  return (connection: Socket, serveHttp1: ServeConnection): void => {
    const socket = connection as TLSSocket;
    if (isRefused(tls, socket)) socket.destroy();
    else if (socket.alpnProtocol === 'h2') http2.serve(socket);
    else serveHttp1(socket);
  };
}

function isRefused({ clientCas, clientAuth }: TlsConfig, socket: TLSSocket): boolean {
  if (clientCas.length === 0) return false;
  const hasCertificate = Object.keys(socket.getPeerCertificate()).length > 0;
  return (
    (clientAuth === 'require-any-client-cert' && !hasCertificate) ||
    (clientAuth === 'verify-client-cert-if-given' && hasCertificate && !socket.authorized)
  );
}
