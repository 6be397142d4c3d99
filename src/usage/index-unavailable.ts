import { ControlError } from '../operations/control-error.ts';

/** What keeps the index cannot be reached; nothing was read or written for certain. */
export class IndexUnavailableError extends ControlError {
  constructor(reason: string) {
    super('unavailable', `the index of what is stored cannot be reached: ${reason}`);
  }
}
