import { z } from 'zod';
import { withDefault } from './defaults.ts';
import { ownDuration, ownTimer } from './duration.ts';
import { choice } from './text.ts';

const methods = z
  .preprocess(
    (given) => (typeof given === 'string' ? [given] : given),
    z.array(choice('A method.', ['open', 'groups', 'forward'])).min(1),
  )
  .describe(
    'Who gets private repositories, one or a list. `open`: every client. `groups`: clients in the `groups` of an account that may read the repository. `forward`: clients that present a token of the upstream; needs TLS.',
  );

/** Who gets the private repositories of an upstream. */
export const privateRepositories = z
  .strictObject({
    access: withDefault(methods, 'open'),
    visibility: withDefault(
      choice(
        'How it is decided whether a repository is private. `probe`: the upstream is queried without credentials. `public`, `private`: all of them are.',
        ['probe', 'public', 'private'],
      ),
      'probe',
    ),
    ttl: withDefault(ownTimer('How long a client that may read a repository may do so without a new check.'), '5m'),
    visibilityttl: withDefault(ownTimer('How long a public repository counts as public without a new check.'), '24h'),
    unreachable: withDefault(
      choice('While the upstream cannot be queried. `last`: the last decision counts, up to `maxage`. `deny`: 503.', [
        'last',
        'deny',
      ]),
      'last',
    ),
    maxage: withDefault(ownDuration('How old the last decision may be.'), '7d'),
  })
  .transform(({ access, visibility, ttl, visibilityttl, unreachable, maxage }, ctx) => {
    if (access.includes('open') && access.length > 1)
      ctx.addIssue({ code: 'custom', path: ['access'], message: 'open excludes the others (remove it, or them)' });
    if (access.includes('open')) return undefined;
    return {
      /** Tokens of the upstream are taken from clients. */
      takesTokens: access.includes('forward'),
      visibility,
      allowMs: ttl,
      publicMs: visibilityttl,
      /** How old a decision may be while the upstream cannot be queried. 0: it does not count. */
      lastMs: unreachable === 'last' ? maxage : 0,
    };
  })
  .describe('Who gets [private repositories](private-images.md).');
