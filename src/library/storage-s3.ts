/**
 * The storage driver for S3 and S3-compatible stores. Loads the AWS SDK.
 *
 * @module
 */
export { type S3CopyLimits, type S3Options } from '../storage/s3/options.ts';
export { createS3Driver, type S3DriverOptions } from '../storage/s3/s3.ts';
export { type S3Request } from '../storage/s3/sender.ts';
