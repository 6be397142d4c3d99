import { ControlError } from '../operations/control-error.ts';
import type { ConfigView, ServiceControl } from '../operations/service-control.ts';

/** The configuration of this process, for operators. */
export class Settings implements ServiceControl {
  #current: ConfigView | undefined;

  constructor(current: ConfigView | undefined) {
    this.#current = current;
  }

  /** After a reload. @param pendingRestart changed keys that are not in effect yet */
  replace(next: ConfigView | undefined, pendingRestart: readonly string[]): void {
    if (next) this.#current = { ...next, pendingRestart };
  }

  async config(): Promise<ConfigView> {
    if (!this.#current) throw new ControlError('not-found', 'the configuration of an embedded service is not shown');
    return this.#current;
  }
}
