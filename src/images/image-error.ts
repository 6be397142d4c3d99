/** What stands in the way of reading or copying an image, in words for whoever asked for it. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}
