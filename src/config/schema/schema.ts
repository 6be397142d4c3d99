import { z } from 'zod';
import { admin } from './admin.ts';
import { audit } from './audit.ts';
import { auth } from './auth.ts';
import { withPositiveDefault } from './defaults.ts';
import { health } from './health.ts';
import { http } from './http.ts';
import { log, loglevel } from './log.ts';
import { notifications } from './notifications.ts';
import { integer } from './number.ts';
import { policy } from './policy.ts';
import { proxy } from './proxy.ts';
import { redis } from './redis.ts';
import { storage } from './storage.ts';
import { matching } from './text.ts';
import { tracing } from './tracing.ts';
import { ui } from './ui.ts';
import { compatibility, middleware, reporting } from './unused.ts';
import { validation } from './validation.ts';

const version = matching('Version of this format.', { pattern: /^0\.1$/, expected: 'must be 0.1' }).meta({
  type: 'number',
  pattern: undefined,
  const: 0.1,
});

const catalog = z
  .strictObject({ maxentries: withPositiveDefault(integer('Largest page of `/v2/_catalog`.'), '1000') })
  .describe('List of repositories.');

const tags = z
  .strictObject({ maxtags: withPositiveDefault(integer('Largest page of `tags/list`.', { min: 0 }), '1000') })
  .describe('List of tags.');

/**
 * The whole file: distribution's keys and Layover's.
 *
 * Each key has its parser, its default and its description here; a section's transform makes its part of the typed configuration.
 */
export const configSchema = z.strictObject({
  version,
  log: log.prefault({}),
  loglevel: loglevel.optional(),
  storage,
  auth: auth.optional(),
  middleware: middleware.prefault({}),
  http: http.prefault({}),
  notifications: notifications.prefault({}),
  redis: redis.prefault({}),
  health: health.prefault({}),
  catalog: catalog.prefault({}),
  tags: tags.prefault({}),
  proxy: proxy.prefault({}),
  admin: admin.prefault({}),
  ui: ui.prefault({}),
  audit: audit.prefault({}),
  tracing: tracing.prefault({}),
  validation: validation.prefault({}),
  policy: policy.prefault({}),
  reporting: reporting.optional(),
  compatibility: compatibility.optional(),
});

/** Every section of a valid file, transformed on its own. */
export type Sections = z.output<typeof configSchema>;
