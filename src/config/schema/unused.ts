import { z } from 'zod';
import { bool, duration, integer, text } from './scalar.ts';
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

const endpoint = z.strictObject({
  name: text('Name in logs and metrics.').optional(),
  disabled: bool('Switch it off.').optional(),
  url: text('Where events are posted.').optional(),
  headers: z.record(z.string(), z.unknown()).optional(),
  timeout: duration('Longest time of one post.').optional(),
  threshold: integer('Failures before backing off.').optional(),
  backoff: duration('How long.').optional(),
  ignoredmediatypes: z.array(text('A media type.')).optional(),
  ignore: z
    .strictObject({
      mediatypes: z.array(text('A media type.')).optional(),
      actions: z.array(text('An action.')).optional(),
    })
    .optional(),
});

export const notifications = z
  .strictObject({
    events: z.strictObject({ includereferences: bool('Say what a manifest refers to.').optional() }).optional(),
    endpoints: z.array(endpoint).optional(),
  })
  .describe('Events by web hook.');

export const reporting = options.describe('Removed in version 3 of distribution.');
export const compatibility = options.describe('Removed in version 3 of distribution.');
