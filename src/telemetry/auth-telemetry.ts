import type { AuthEvents } from '../auth/auth-events.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { redactUrl } from './redact-url.ts';

type Event<Name extends keyof AuthEvents> = Parameters<AuthEvents[Name]>[0];

/** Logins, and the files and keys that decide them, as metrics and log lines. */
export class AuthTelemetry implements AuthEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  fileLoaded({ key, path, entries }: Event<'fileLoaded'>): void {
    this.#log.info({ key: `auth.${key}`, path, entries }, 'file loaded');
  }

  fileFailed({ key, path, reason }: Event<'fileFailed'>): void {
    this.#log.error({ key: `auth.${key}`, path, reason }, 'file rejected: its last good content stays in use');
  }

  lineSkipped({ key, path, line, reason }: Event<'lineSkipped'>): void {
    this.#log.error({ key: `auth.${key}`, path, line, reason }, 'line skipped');
  }

  userCreated({ path, user, password }: Event<'userCreated'>): void {
    this.#log.warn({ path, user, password }, 'htpasswd is missing, provisioning with default user');
  }

  loginFailed({ method, address, reason }: Event<'loginFailed'>): void {
    this.#metrics.loginsFailed.at(method).value++;
    this.#log.info({ method, 'client.address': address, reason }, 'login failed');
  }

  addressBlocked({ address, forMs }: Event<'addressBlocked'>): void {
    this.#metrics.addressesBlocked.value++;
    const seconds = Math.ceil(forMs / 1000);
    this.#log.warn({ 'client.address': address, seconds }, 'address blocked: too many failed logins');
  }

  keysFetched({ url, keys }: Event<'keysFetched'>): void {
    this.#log.info({ url: redactUrl(url), keys }, 'token server keys fetched');
  }

  keysNotFetched({ url, reason }: Event<'keysNotFetched'>): void {
    this.#log.error({ url: redactUrl(url), reason }, 'token server keys not fetched: using cached keys');
  }

  keyIsTemporary(): void {
    this.#log.warn({}, 'auth.issuer.keyfile is not set: tokens are valid only on this process and until it stops');
  }
}
