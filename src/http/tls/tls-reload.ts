import { X509Certificate } from 'node:crypto';
import type { SecureContextOptions, Server } from 'node:tls';

import type { TlsConfig } from '../../config/config.ts';
import type { CertificateEvents, CertificateSource } from './certificate-source.ts';
import { loadTlsContext, tlsContextVersion } from './tls-context.ts';

/** Between checks of the files: watching them does not work on network file systems and for mounted secrets. Milliseconds. */
const CHECK_MS = 1000;

/**
 * Loads certificate, key and client CAs again when they change. New connections use them; open ones stay as they are. When the files do
 * not match each other, the ones in use stay, and an error is logged.
 */
export class TlsReload {
  readonly #server: Server;
  readonly #config: TlsConfig;
  readonly #source: CertificateSource;
  readonly #events: CertificateEvents;
  #version: string;
  readonly #timer: NodeJS.Timeout;
  #isChecking = false;

  /** @param version of the files that the server uses */
  constructor(
    server: Server,
    config: TlsConfig,
    { source, events, version }: { source: CertificateSource; events: CertificateEvents; version: string },
  ) {
    this.#server = server;
    this.#config = config;
    this.#source = source;
    this.#events = events;
    this.#version = version;
    this.#timer = setInterval(() => void this.#check(), CHECK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      const version = await tlsContextVersion(this.#config, this.#source);
      if (version === this.#version) return;
      this.#version = version; // a broken file is logged once
      const context = await loadTlsContext(this.#config, this.#source);
      this.#server.setSecureContext(context);
      const validTo = reportExpiry(context, this.#events);
      this.#events.log.info({ certificate: this.#source.name, validTo }, 'certificate reloaded');
    } catch (err) {
      const reason = err instanceof Error ? err.message : String(err);
      this.#events.log.error({ reason }, 'certificate not reloaded; the one in use stays');
    } finally {
      this.#isChecking = false;
    }
  }
}

/** Reports when a certificate expires. @returns the time as the certificate has it; undefined before the first certificate is issued */
export function reportExpiry({ cert }: SecureContextOptions, events: CertificateEvents): string | undefined {
  if (cert === undefined) return undefined;
  const { validTo } = new X509Certificate(String(cert));
  events.certificateInUse(Date.parse(validTo));
  return validTo;
}
