import type { AdminChange, AdminEvents, Administrator } from '../operations/admin-events.ts';
import type { Log } from './log.ts';

/** Sign-ins and changes by the admin API, as log lines. */
export class AdminTelemetry implements AdminEvents {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  signedIn({ user, by, address }: Administrator): void {
    this.#log.info({ 'auth.user.name': user, by, 'client.address': address }, 'signed in');
  }

  changeMade({ user, by, address, action, target }: AdminChange): void {
    this.#log.info({ 'auth.user.name': user, by, 'client.address': address, action, target }, 'change made');
  }
}
