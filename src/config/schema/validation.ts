import { z } from 'zod';
import { otherwise, withDefault } from './defaults.ts';
import { bool } from './number.ts';
import { pattern } from './pattern.ts';
import { choice, text } from './text.ts';

const urls = z
  .strictObject({
    allow: otherwise(
      z
        .array(pattern('Searched for in the URL.'))
        .describe(
          'Searched for in the `urls` of layers, one of which must match. Distribution allows none by default: `["^$"]`.',
        ),
      'any http or https URL',
    ),
    deny: otherwise(
      z.array(pattern('Searched for in the URL.')).describe('The same, none of which may match.'),
      'none',
    ),
  })
  .describe('URLs of layers that are not pushed.');

const platform = z.strictObject({
  architecture: text('Such as `amd64`.').optional(),
  os: text('Such as `linux`.').optional(),
});

const indexes = z
  .strictObject({
    platforms: withDefault(
      choice('Entries of an image index that must be in the repository.', ['all', 'none', 'list']),
      'all',
    ),
    platformlist: z.array(platform).describe('With `platforms: list`.').optional(),
  })
  .transform(({ platforms, platformlist = [] }) =>
    platforms === 'list' ? platformlist.map(({ os, architecture }) => ({ os, architecture })) : platforms,
  );

export const validation = z
  .strictObject({
    enabled: bool('Deprecated; `true` beats `disabled`.').meta({ deprecated: true }).optional(),
    disabled: withDefault(
      bool('`true`: a manifest may refer to missing content (sparse images and indexes).'),
      'false',
    ),
    manifests: z
      .strictObject({ urls: urls.prefault({}), indexes: indexes.prefault({}) })
      .describe('Checks of pushed manifests.')
      .prefault({}),
  })
  .transform(
    ({
      enabled,
      disabled,
      manifests: {
        urls: { allow = [], deny = [] },
        indexes: platforms,
      },
    }) =>
      // Like distribution: the deprecated key only ever turns it on.
      enabled === true || !disabled ? { allow, deny, platforms } : undefined,
  )
  .describe('Checks of pushed manifests.');
