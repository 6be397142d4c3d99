/** A setting that cannot be made, with the reason and the way out. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}
