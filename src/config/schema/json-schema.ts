import { z } from 'zod';
import { configSchema } from './schema.ts';
import { storage, SUPPORTED_DRIVERS } from './storage.ts';
import { defaultsInWords } from './value-info.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** A JSON schema (draft 7) of the file, for editors: completion, hover texts and marks while typing. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input', override });
  return { ...schema, title: 'Layover configuration' };
}

function override({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: JsonSchema }): void {
  if (zodSchema === (storage as z.core.$ZodType)) allowDriverName(jsonSchema);
  const { description } = jsonSchema;
  if (description !== undefined) jsonSchema.description = withoutLinks(description);
  const words = defaultsInWords.get(zodSchema)?.words;
  if (words !== undefined) jsonSchema.description = `${description ?? ''} Default: ${withoutLinks(words)}.`.trim();
  if (jsonSchema.default !== undefined) setDefault(jsonSchema, jsonSchema.default);
}

function withoutLinks(markdown: string): string {
  return markdown.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1');
}

/** Defaults are text in the schema, as in a file. Those of sections are the defaults of their keys. */
function setDefault(jsonSchema: JsonSchema, text: unknown): void {
  const isTyped = ['boolean', 'integer', 'number'].includes(String(jsonSchema.type));
  if (typeof text === 'string') jsonSchema.default = isTyped ? (JSON.parse(text) as JsonSchema['default']) : text;
  else if (!Array.isArray(text)) delete jsonSchema.default;
}

/** `storage: inmemory` is allowed for a driver without options. Changes `jsonSchema`. */
function allowDriverName(jsonSchema: JsonSchema): void {
  const { description, ...mapping } = jsonSchema;
  for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
  Object.assign(jsonSchema, { description, anyOf: [{ type: 'string', enum: [...SUPPORTED_DRIVERS] }, mapping] });
}
