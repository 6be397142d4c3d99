import { DecisionFile } from '../../access/decision-file.ts';
import { Decisions } from '../../access/decisions.ts';
import { type DecidedUpstream, LocalAccess } from '../../access/local-access.ts';
import { UpstreamAccess } from '../../access/upstream-access.ts';
import type { Auth } from '../../auth/auth.ts';
import type { Clock } from '../../clock/clock.ts';
import type { ProxyConfig, UpstreamConfig } from '../../config/config.ts';
import { findTarget } from '../../http/v2/mount-source.ts';
import type { AccessControl } from '../../operations/access-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { Router } from '../../pull-through/router.ts';
import type { UploadSecrets } from '../../hosted/upload-secrets.ts';
import type { Redis } from '../../redis/redis.ts';
import type { ContentCopies } from '../../registry/held-content.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { accountGroups } from '../../upstream/account-groups.ts';
import { type AccessCheck, UpstreamError } from '../../upstream/upstream.ts';
import type { CloseStack } from '../close-stack.ts';

export interface AccessParts {
  readonly opened: CloseStack;
  readonly redis: Redis | undefined;
  /** That replicas share. */
  readonly secrets: UploadSecrets;
  /** Keeps decisions without Redis. Absent: a restart makes them again. */
  readonly accessFile: string | undefined;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

export interface DecidedParts {
  readonly upstream: AccessCheck;
  /** What an admitted client uses. */
  readonly registry: Registry;
  readonly storedName: (repository: string) => string;
}

export interface ControlParts {
  readonly router: Pick<Router, 'route'>;
  /** Absent when clients have no identity. */
  readonly auth: Pick<Auth, 'withGroups'> | undefined;
  /** Absent when the service has one process. */
  readonly copies: ContentCopies | undefined;
}

/** Decides who may read which repositories of upstreams. */
export interface DecidingAccess {
  /** @returns undefined for an upstream of which every client may read everything */
  add(config: UpstreamConfig, parts: DecidedParts): UpstreamAccess | undefined;
  createControl(parts: ControlParts): Promise<AccessControl>;
}

export async function createDecidingAccess({ offline }: ProxyConfig, parts: AccessParts): Promise<DecidingAccess> {
  const { redis, telemetry, clock, secrets } = parts;
  const [secret] = await secrets();
  const share = redis && (await loadSharing(redis, clock));
  const file = redis ? undefined : await openFile(parts);
  const upstreams: DecidedUpstream[] = [];
  return {
    add(config, { upstream, registry, storedName }) {
      const { name, access: policy, credentials, budget } = config;
      if (!policy) return undefined;
      const decisions = new Decisions();
      file?.keep(name, decisions);
      telemetry.metrics.accessEntries.measure(() => decisions.size, name);
      const access = new UpstreamAccess({
        ...{ name, registry, policy, decisions, secret, shared: share?.(name), events: telemetry.access, clock },
        upstream: offline ? offlineCheck(name) : upstream,
        accounts: accountGroups(credentials, budget.pool).flatMap(({ groups, ...account }) =>
          groups ? [{ ...account, groups }] : [],
        ),
      });
      upstreams.push({ name, access, storedName });
      return access;
    },
    async createControl({ router, auth, copies }) {
      return new LocalAccess({
        upstreams,
        find: (name) => findDecided(upstreams, router, name),
        groupsOf: async (user) => {
          if (!auth) throw new ControlError('invalid', 'no client has a name: auth is not configured');
          return (await auth.withGroups({ name: user, groups: [] })).groups;
        },
        channel: redis && (await loadChannel(redis)),
        onForgotten: async () => copies?.forgetAll(),
      });
    },
  };
}

function findDecided(upstreams: readonly DecidedUpstream[], router: Pick<Router, 'route'>, name: string) {
  const found = findTarget(() => router.route({ repository: name, sourceHost: undefined, host: undefined }));
  const upstream = upstreams.find((each) => each.access === found?.access);
  return upstream && found && { upstream, repository: found.repository };
}

async function loadSharing(redis: Redis, clock: Clock) {
  const { RedisDecisions } = await import('../../access/redis-decisions.ts');
  return (upstream: string) => new RedisDecisions(redis, upstream, clock.now);
}

async function loadChannel(redis: Redis) {
  const { createAccessChannel } = await import('../../redis/access-channel.ts');
  return createAccessChannel(redis);
}

async function openFile({
  opened,
  accessFile: path,
  clock,
  telemetry,
}: AccessParts): Promise<DecisionFile | undefined> {
  if (path === undefined) return undefined;
  const onFailed = (error: unknown) => telemetry.access.decisionsNotKept({ path, error });
  return opened.use(await DecisionFile.open({ path, clock, onFailed }));
}

function offlineCheck(upstream: string): AccessCheck {
  const refuse = () => {
    const message = `${upstream} is not queried: proxy.offline is set`;
    return Promise.reject(new UpstreamError('unavailable', message, { upstream }));
  };
  return { checkAccess: refuse, findChallenge: refuse };
}
