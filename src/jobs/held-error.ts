/** A limit keeps an image from being fetched now. The message is the limit: `quota`. */
export class HeldError extends Error {
  override readonly name = 'HeldError';
}
