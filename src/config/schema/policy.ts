import { z } from 'zod';
import { admission } from './admission.ts';
import { otherwise } from './defaults.ts';
import { glob } from './pattern.ts';
import { choice, file, matching } from './text.ts';

const classes = z
  .array(choice("A class of an image's config.", ['image', 'plugin']))
  .describe("Allowed classes of an image's config; other images are `DENIED`.");

const digest = matching('A digest.', {
  pattern: /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/,
  expected: 'must be a digest such as sha256:…',
  format: 'digest',
});

const deny = z
  .strictObject({
    digests: otherwise(z.array(digest).describe('Manifests and blobs that no client gets.'), 'none'),
    names: otherwise(
      z
        .array(glob('A glob.'))
        .describe('Globs over stored names, such as `docker.io/library/*`, of which no client gets anything.'),
      'none',
    ),
    file: file(
      'A file with more of both, [one on each line](policy.md#the-deny-file). It is read again after each change.',
      'denied content',
    ).optional(),
  })
  .transform(({ digests = [], names = [], file: path }) => ({ digests, names, file: path }))
  .describe('Content that is [neither served, fetched nor accepted](policy.md).');

export const policy = z
  .strictObject({
    repository: z
      .strictObject({ classes: otherwise(classes, 'any') })
      .describe('Classes of repositories.')
      .prefault({}),
    deny: deny.prefault({}),
    admission: admission.optional(),
  })
  .describe('What may be pushed and pulled.');
