import { ControlError } from '../operations/control-error.ts';

/** The server of the index cannot be reached. Whether a write took effect is unknown. */
export class IndexUnavailableError extends ControlError {
  constructor(reason: string) {
    super('unavailable', `the usage index cannot be reached: ${reason}`);
  }
}
