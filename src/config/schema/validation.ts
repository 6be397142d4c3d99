import { z } from 'zod';
import { bool, choice, pattern, text } from './scalar.ts';

const urls = z
  .strictObject({
    allow: z.array(pattern('Searched for in the URL.')).describe('Default: any http or https URL.').optional(),
    deny: z.array(pattern('Searched for in the URL.')).optional(),
  })
  .describe('Where layers that are not pushed may be fetched from.');

const indexes = z.strictObject({
  platforms: choice('Entries of an index that have to be in the repository. Default: all.', [
    'all',
    'none',
    'list',
  ]).optional(),
  platformlist: z
    .array(z.strictObject({ architecture: text('amd64').optional(), os: text('linux').optional() }))
    .describe('With platforms: list.')
    .optional(),
});

export const validation = z
  .strictObject({
    enabled: bool('Deprecated: disabled.').optional(),
    disabled: bool('A manifest may name what is not in its repository. Default: false.').optional(),
    manifests: z.strictObject({ urls: urls.optional(), indexes: indexes.optional() }).optional(),
  })
  .describe('What a pushed manifest has to satisfy.');

const classes = z
  .array(choice('What the config of an image is for.', ['image', 'plugin']))
  .describe('What may be pushed. Default: anything.');

export const policy = z
  .strictObject({ repository: z.strictObject({ classes: classes.optional() }).optional() })
  .describe('Classes of repositories.');
