/** `denied`: without valid credentials; `forbidden`: not with those. */
const REASONS = ['not-found', 'invalid', 'held', 'unavailable', 'denied', 'forbidden'] as const;
export type ControlFailure = (typeof REASONS)[number];

export function isControlFailure(text: unknown): text is ControlFailure {
  return (REASONS as readonly unknown[]).includes(text);
}

/** A failure that an operator can act on. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly reason: ControlFailure;

  constructor(reason: ControlFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}
