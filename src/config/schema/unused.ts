import { z } from 'zod';
import { bool } from './number.ts';
import { storageMiddleware } from './storage-middleware.ts';
import { text } from './text.ts';

// Sections of distribution's versions 2 and 3 that are accepted so that its files work. `support.ts` warns about ignored ones.

const options = z.record(z.string(), z.unknown());

const middlewares = z.array(
  z.strictObject({
    name: text('Name of the middleware.').optional(),
    disabled: bool('Turn it off.').optional(),
    options: options.optional(),
  }),
);

export const middleware = z
  .strictObject({
    registry: middlewares.optional(),
    repository: middlewares.optional(),
    storage: storageMiddleware.optional(),
  })
  .describe('Middleware; only that of the storage is supported.');

export const reporting = options.describe('Removed in version 3 of distribution.');
export const compatibility = options.describe('Removed in version 3 of distribution.');
