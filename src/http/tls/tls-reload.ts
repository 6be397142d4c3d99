import { X509Certificate } from 'node:crypto';
import type { Server } from 'node:tls';

import type { TlsConfig } from '../../config/config.ts';
import type { CertificateLog, CertificateSource } from './certificate-source.ts';
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
  readonly #log: CertificateLog;
  #version: string;
  readonly #timer: NodeJS.Timeout;
  #isChecking = false;

  /** @param version of the files that the server uses */
  constructor(
    server: Server,
    config: TlsConfig,
    { source, log, version }: { source: CertificateSource; log: CertificateLog; version: string },
  ) {
    this.#server = server;
    this.#config = config;
    this.#source = source;
    this.#log = log;
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
      const validTo = context.cert === undefined ? undefined : new X509Certificate(String(context.cert)).validTo;
      this.#log.info({ certificate: this.#source.name, validTo }, 'certificate reloaded');
    } catch (err) {
      const reason = err instanceof Error ? err.message : String(err);
      this.#log.error({ reason }, 'certificate not reloaded; the one in use stays');
    } finally {
      this.#isChecking = false;
    }
  }
}
