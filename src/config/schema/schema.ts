import { z } from 'zod';
import { admin } from './admin.ts';
import { auth } from './auth.ts';
import { health } from './health.ts';
import { http } from './http.ts';
import { log, loglevel } from './log.ts';
import { notifications } from './notifications.ts';
import { proxy } from './proxy.ts';
import { redis } from './redis.ts';
import { integer, matching } from './scalar.ts';
import { storage, SUPPORTED_DRIVERS } from './storage.ts';
import { tracing } from './tracing.ts';
import { compatibility, middleware, reporting } from './unused.ts';
import { policy, validation } from './validation.ts';

const version = matching('Version of this format.', { pattern: /^0\.1$/, expected: 'must be 0.1' }).meta({
  type: 'number',
  pattern: undefined,
  const: 0.1,
});

const catalog = z.strictObject({
  maxentries: integer('Largest page of /v2/_catalog. Default: 1000.').optional(),
});

const tags = z.strictObject({
  maxtags: integer('Largest page of tags/list. Default: 1000.', { min: 0 }).optional(),
});

/** The whole file: distribution's keys, and ours. */
export const configSchema = z.strictObject({
  version,
  log: log.optional(),
  loglevel: loglevel.optional(),
  storage,
  auth: auth.optional(),
  middleware: middleware.optional(),
  http: http.optional(),
  notifications: notifications.optional(),
  redis: redis.optional(),
  health: health.optional(),
  catalog: catalog.optional(),
  tags: tags.optional(),
  proxy: proxy.optional(),
  admin: admin.optional(),
  tracing: tracing.optional(),
  validation: validation.optional(),
  policy: policy.optional(),
  reporting: reporting.optional(),
  compatibility: compatibility.optional(),
});

/** The file after it was checked, in its own words. */
export type RawConfig = z.output<typeof configSchema>;

/** A JSON schema (draft 7) of the file, for editors: completion, hover texts and marks while typing. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  const schema = z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input', override: allowDriverName });
  return { ...schema, title: 'Layover configuration' };
}

/** `storage: inmemory` and `inmemory:` without options are as good as a mapping. */
function allowDriverName({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: unknown;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  if (zodSchema !== storage) return;
  const { description, ...mapping } = jsonSchema;
  for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
  Object.assign(jsonSchema, { description, anyOf: [{ type: 'string', enum: [...SUPPORTED_DRIVERS] }, mapping] });
}
