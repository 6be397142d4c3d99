import { X509Certificate } from 'node:crypto';
import type { Server } from 'node:tls';

import type { TlsConfig } from '../../config/config.ts';
import type { Log } from '../../telemetry/log.ts';
import type { CertificateSource } from './certificate-source.ts';
import { loadTlsContext, tlsContextVersion } from './tls-context.ts';

/** How often the files are looked at: watching is of no use on network file systems and for mounted secrets. Milliseconds. */
const LOOK_MS = 1000;

/**
 * Puts certificate, key and client CAs to use when they have changed. New connections get them; those that are there stay as they
 * are. Files that do not fit together leave what was there before, with an error in the log.
 */
export class TlsReload {
  readonly #server: Server;
  readonly #config: TlsConfig;
  readonly #source: CertificateSource;
  readonly #log: Log;
  #version: string;
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  /** @param version of what the server has */
  constructor(
    server: Server,
    config: TlsConfig,
    { source, log, version }: { source: CertificateSource; log: Log; version: string },
  ) {
    this.#server = server;
    this.#config = config;
    this.#source = source;
    this.#log = log;
    this.#version = version;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const version = await tlsContextVersion(this.#config, this.#source);
      if (version === this.#version) return;
      this.#version = version; // a broken file is told of once
      const context = await loadTlsContext(this.#config, this.#source);
      this.#server.setSecureContext(context);
      const validTo = context.cert === undefined ? undefined : new X509Certificate(String(context.cert)).validTo;
      this.#log.info({ certificate: this.#source.name, validTo }, 'the certificate has been read again');
    } catch (err) {
      const reason = err instanceof Error ? err.message : String(err);
      this.#log.error({ reason }, 'the changed certificate cannot be used; the one before is served on');
    } finally {
      this.#looking = false;
    }
  }
}
