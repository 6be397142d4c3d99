import { X509Certificate } from 'node:crypto';

import type { LetsEncryptConfig } from '../../config/config.ts';
import { AcmeCache } from './acme-cache.ts';
import { AcmeChallenges } from './acme-challenges.ts';
import { orderCertificate } from './acme-order.ts';
import type { CertificateLog, CertificatePair, CertificateSource } from './certificate-source.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Longest time between two checks whether renewal is due, or another process has renewed it. */
const CHECK_MS = 60 * MINUTE;
/** First and longest wait after a failure: the authority limits failures per hour. */
const RETRY_MS = [2 * MINUTE, 60 * MINUTE] as const;

/**
 * A certificate issued by a certificate authority over ACME (RFC 8555), kept in a directory and renewed in time. The current one stays
 * in use while the authority is unavailable.
 */
export class AcmeCertificate implements CertificateSource {
  readonly name = "Let's Encrypt";
  readonly challenges = new AcmeChallenges();
  readonly #config: LetsEncryptConfig;
  readonly #cache: AcmeCache;
  readonly #log: CertificateLog;
  #current: CertificatePair | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;

  constructor(config: LetsEncryptConfig, log: CertificateLog) {
    this.#config = config;
    this.#cache = new AcmeCache(config.cacheDirectory);
    this.#log = log;
  }

  async version(): Promise<string> {
    return this.#current?.cert ?? '';
  }

  async read(): Promise<CertificatePair | undefined> {
    return this.#current;
  }

  /** Loads the cached certificate, if any. @throws when it cannot be read */
  async load(): Promise<void> {
    this.#current = await this.#cache.readCertificate(this.#config.hosts);
  }

  /** Orders a certificate when there is none, and renews it in time. Called once the server can respond to challenges. */
  start(): void {
    void this.#check();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #check(): Promise<void> {
    let waitMs: number;
    try {
      await this.#renewIfDue();
      this.#failures = 0;
      waitMs = Math.min(CHECK_MS, this.#dueInMs());
    } catch (err) {
      const [first, longest] = RETRY_MS;
      waitMs = Math.min(longest, first * 2 ** this.#failures++);
      const reason = err instanceof Error ? err.message : String(err);
      this.#log.error({ reason, hosts: this.#config.hosts.join() }, 'certificate order failed');
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#check(), Math.max(waitMs, 1000)).unref();
  }

  async #renewIfDue(): Promise<void> {
    const { hosts } = this.#config;
    if (this.#dueInMs() > 0) return;
    const cached = await this.#cache.readCertificate(hosts);
    if (cached && dueAt(cached) > Date.now()) {
      this.#current = cached; // another process has renewed it
      return;
    }
    this.#log.info({ hosts: hosts.join() }, 'certificate requested');
    const pair = await orderCertificate(this.#config, { cache: this.#cache, challenges: this.challenges });
    this.#current = pair;
    await this.#cache.writeCertificate(hosts, pair);
  }

  #dueInMs(): number {
    return this.#current ? dueAt(this.#current) - Date.now() : 0;
  }
}

/** When a third of its lifetime is left, but at most 30 days before its end. Milliseconds since the epoch. */
function dueAt({ cert }: CertificatePair): number {
  const { validFrom, validTo } = new X509Certificate(cert);
  const end = Date.parse(validTo);
  return end - Math.min(30 * DAY, (end - Date.parse(validFrom)) / 3);
}
