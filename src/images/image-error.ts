/** An image cannot be read or copied. The message is for the user. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}
