import { z } from 'zod';
import { bool, text } from './scalar.ts';
import { storageMiddleware } from './storage-middleware.ts';

// Sections of distribution, of version 2 and 3, that are read so that a file keeps working; support.ts says what is not honoured.

const options = z.record(z.string(), z.unknown());

const middlewares = z.array(
  z.strictObject({
    name: text('Name of the middleware.').optional(),
    disabled: bool('Switch it off.').optional(),
    options: options.optional(),
  }),
);

export const middleware = z
  .strictObject({
    registry: middlewares.optional(),
    repository: middlewares.optional(),
    storage: storageMiddleware.optional(),
  })
  .describe('Code put between the parts of distribution.');

export const reporting = options.describe('Removed in version 3 of distribution.');
export const compatibility = options.describe('Removed in version 3 of distribution.');
