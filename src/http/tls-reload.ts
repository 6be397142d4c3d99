import { X509Certificate } from 'node:crypto';
import type { Server } from 'node:tls';

import type { TlsConfig } from '../config/config.ts';
import type { Log } from '../telemetry/log.ts';
import { loadTlsFiles, tlsFilesVersion } from './tls-files.ts';

/** How often the files are looked at: watching is of no use on network file systems and for mounted secrets. Milliseconds. */
const LOOK_MS = 1000;

/**
 * Puts certificate, key and client CAs to use when they have changed. New connections get them; those that are there stay as they
 * are. Files that do not fit together leave what was there before, with an error in the log.
 */
export class TlsReload {
  readonly #server: Server;
  readonly #config: TlsConfig;
  readonly #log: Log;
  #version: string;
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  /** @param version of the files that the server has */
  constructor(server: Server, config: TlsConfig, { log, version }: { log: Log; version: string }) {
    this.#server = server;
    this.#config = config;
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
      const version = await tlsFilesVersion(this.#config);
      if (version === this.#version) return;
      this.#version = version; // a broken file is told of once
      const context = await loadTlsFiles(this.#config);
      this.#server.setSecureContext(context);
      const { validTo } = new X509Certificate(String(context.cert));
      this.#log.info({ certificate: this.#config.certificate, validTo }, 'the certificate has been read again');
    } catch (err) {
      const reason = err instanceof Error ? err.message : String(err);
      this.#log.error({ reason }, 'the changed certificate cannot be used; the one before is served on');
    } finally {
      this.#looking = false;
    }
  }
}
