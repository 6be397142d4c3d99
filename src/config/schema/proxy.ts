import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { registryUrl } from './address.ts';
import { background } from './background.ts';
import { check } from './checks.ts';
import { type Credentials, LIFETIME } from './credentials.ts';
import { otherwise, withDefault } from './defaults.ts';
import { duration, signedDuration } from './duration.ts';
import { fills } from './fills.ts';
import { bool } from './number.ts';
import { glob } from './pattern.ts';
import { sync } from './sync.ts';
import { toSyncRules } from './sync-rules.ts';
import { name, secret, text } from './text.ts';
import { upstream } from './upstream.ts';
import { warm } from './warm.ts';

const keys = z.strictObject({
  remoteurl: registryUrl(
    'One upstream, the default, stored without a prefix as in distribution; serves every `ns`.',
  ).optional(),
  username: text('User at the default upstream.').optional(),
  password: secret('Password or access token at the default upstream.').optional(),
  exec: z
    .strictObject({
      command: name(
        'A docker credential helper for the default upstream, instead of `proxy.username` and `proxy.password`.',
      ),
      lifetime: otherwise(duration(LIFETIME), 'until refused'),
    })
    .describe('Credentials for the default upstream.')
    .optional(),
  ttl: withDefault(
    signedDuration('Content that was unused for this long expires. `0`: never ([more](operating-cache.md)).'),
    '168h',
  ),
  cachewritetimeout: duration('Longest time for one blob.').optional(),
  upstreams: z.array(upstream).describe('Registries to pull from, instead of `remoteurl`.').optional(),
  hosted: z
    .array(glob('A glob over names.'))
    .describe(
      'Globs over hosted repositories, which are never requested from an upstream. None may match names of an upstream.',
    )
    .optional(),
  offline: withDefault(bool('Never contact an upstream; content that is not stored is 404.'), 'false'),
  checks: z.array(check).describe('Locks whose images must all be in storage.').optional(),
  fills: fills.prefault({}),
  background: background.prefault({}),
  warm: z.array(warm).describe('Images that are fetched before clients request them.').optional(),
  sync: z.array(sync).describe('Rules that keep tags of upstreams in the cache.').optional(),
});

type RawProxy = z.output<typeof keys>;
type UpstreamEntry = z.output<typeof upstream>;

export interface Upstream extends UpstreamEntry {
  isDefault: boolean;
  /** Serves requests with any `ns`: it is configured by `proxy.remoteurl`, without a name. */
  anyNamespace?: boolean | undefined;
}

/** Undefined without upstreams: a registry only. */
export const proxy = keys
  .transform((raw, ctx) => {
    const upstreams = toUpstreams(raw);
    for (const entry of repeated((raw.checks ?? []).map((each) => each.name)))
      ctx.addIssue({ code: 'custom', path: ['checks'], message: `has two checks with the name ${entry}` });
    for (const job of repeated((raw.warm ?? []).map((entry) => entry.name)))
      ctx.addIssue({ code: 'custom', path: ['warm'], message: `has two jobs with the name ${job}` });
    const syncRules = toSyncRules(raw.sync ?? [], upstreams, (path, message) =>
      ctx.addIssue({ code: 'custom', path: ['sync', ...path], message }),
    );
    for (const [i, { name: used }] of syncRules.entries())
      if (raw.warm?.some((job) => job.name === used))
        ctx.addIssue({ code: 'custom', path: ['sync', i, 'name'], message: 'is also the name of a job in proxy.warm' });
    if (upstreams.length === 0) return undefined;
    return {
      upstreams,
      /** Globs over hosted repositories. */
      hosted: raw.hosted ?? [],
      /** Never contact an upstream. */
      offline: raw.offline,
      /** How long unused content is kept. 0: without limit. */
      ttlMs: Math.max(0, raw.ttl),
      background: raw.background,
      warm: raw.warm ?? [],
      checks: raw.checks ?? [],
      fills: { ...raw.fills, maxPerUpstream: toMaxPerUpstream(raw.fills, upstreams.length) },
      sync: syncRules,
    };
  })
  .describe('Pull through other registries and store the content.');

function repeated(names: readonly string[]): readonly string[] {
  return names.filter((each, i) => names.indexOf(each) !== i);
}

/** With several upstreams, each leaves a quarter of the slots to the others. */
function toMaxPerUpstream({ maxConcurrent, maxPerUpstream }: RawProxy['fills'], upstreams: number): number {
  const share = upstreams > 1 ? Math.ceil(maxConcurrent * 0.75) : maxConcurrent;
  return Math.min(maxPerUpstream ?? share, maxConcurrent);
}

function toUpstreams(raw: RawProxy): Upstream[] {
  const shared = sharedCredentials(raw);
  const { remoteurl, upstreams = [] } = raw;
  // Without a prefix the storage has distribution's layout, and distribution's content is served.
  if (remoteurl !== undefined) {
    const only = upstream.parse({ remoteurl, storeprefix: '' });
    return [{ ...only, isDefault: true, credentials: shared, anyNamespace: true }];
  }
  return upstreams.map((each) => {
    const isDefault = each.isDefault ?? upstreams.length === 1;
    return { ...each, isDefault, credentials: [...(isDefault ? shared : []), ...each.credentials] };
  });
}

/** Distribution's keys, for the default upstream. */
function sharedCredentials({ username, password, exec }: RawProxy): Credentials[] {
  if (exec !== undefined) return [{ kind: 'exec', command: exec.command, lifetimeMs: exec.lifetime }];
  if (username === undefined || password === undefined) return [];
  return [{ kind: 'static', username, password }];
}

export type ProxyConfig = NonNullable<Immutable<z.output<typeof proxy>>>;
export type UpstreamConfig = ProxyConfig['upstreams'][number];
export type SyncRuleConfig = ProxyConfig['sync'][number];
