import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import type { DenyFileEvents } from '../../monitoring/deny-file-watch.ts';
import { parseDigest } from '../../oci/digest.ts';
import type { RecallControl } from '../../operations/recall-control.ts';
import { Denials } from '../../policy/denials.ts';
import { RecalledDigests } from '../../policy/recalled-digests.ts';
import { type RecallEvents, Recalls } from '../../policy/recalls.ts';
import type { Redis } from '../../redis/redis.ts';
import type { ContentCopies } from '../../registry/held-content.ts';
import type { ContentRefusals } from '../../registry/refusals.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { CloseStack } from '../close-stack.ts';

export interface DenyingParts {
  readonly opened: CloseStack;
  readonly driver: StorageDriver;
  readonly redis: Redis | undefined;
  readonly telemetry: Pick<Telemetry, 'log'>;
  readonly clock: Clock;
  /** Absent for commands, which read the file once. */
  readonly denyFile?: DenyFileEvents | undefined;
  /** Absent when the service has one process. */
  readonly copies?: ContentCopies | undefined;
}

export interface Denying {
  readonly refusals: ContentRefusals;
  readonly recalls: RecallControl;
}

/** Content that is denied by the configuration, by its deny file, and by recalls. @throws when the deny file cannot be used */
export async function createDenying({ deny }: Pick<Config, 'deny'>, parts: DenyingParts): Promise<Denying> {
  const { opened, driver, redis, telemetry, clock, copies } = parts;
  const denials = createDenials(deny);
  const onChanged = async () => copies?.forgetAll();
  if (deny.file !== undefined) await watchDenyFile(deny.file, denials, { ...parts, onChanged });
  const recalls = new Recalls({
    denials,
    recalled: new RecalledDigests(driver),
    onChanged,
    channel: redis && (await loadChannel(redis)),
    events: logRecalls(telemetry),
    clock,
  });
  opened.use(recalls);
  await recalls.start();
  return { refusals: denials, recalls };
}

/** The same as it is now, for a command that reads the storage while a server may be running. @throws as {@link createDenying} */
export async function readDenials(
  { deny }: Pick<Config, 'deny'>,
  driver: Pick<StorageDriver, 'list' | 'readSmall' | 'writeSmall' | 'delete'>,
): Promise<ContentRefusals> {
  const denials = createDenials(deny);
  const digests = (await new RecalledDigests(driver).load()).map(({ digest, reason }) => [digest, reason] as const);
  denials.replace('recall', { digests: new Map(digests), names: [] });
  if (deny.file === undefined) return denials;
  const { readDenyFile } = await import('../../policy/watched-deny-file.ts');
  denials.replace('file', await readDenyFile(deny.file).load());
  return denials;
}

function createDenials({ digests, names }: Config['deny']): Denials {
  const denials = new Denials();
  denials.replace('configuration', { digests: new Map(digests.map((each) => [parseDigest(each), ''])), names });
  return denials;
}

function logRecalls({ log }: DenyingParts['telemetry']): RecallEvents {
  return {
    recalled: (digests, reason) => log.warn({ digests: digests.join(' '), reason }, 'content recalled'),
    lifted: (digests) => log.warn({ digests: digests.join(' ') }, 'recall lifted'),
    unreadable: (error) => log.error({ 'err.detail': String(error) }, 'recalls cannot be read'),
  };
}

async function loadChannel(redis: Redis) {
  const { createRecallChannel } = await import('../../redis/recall-channel.ts');
  return createRecallChannel(redis);
}

async function watchDenyFile(
  path: string,
  denials: Denials,
  {
    opened,
    telemetry: { log },
    clock,
    denyFile,
    onChanged,
  }: DenyingParts & { readonly onChanged: () => Promise<void> },
): Promise<void> {
  const { WatchedDenyFile } = await import('../../policy/watched-deny-file.ts');
  const file = await WatchedDenyFile.open({
    path,
    async onChanged(list) {
      denyFile?.denyFileRead();
      denials.replace('file', list);
      log.info({ path, digests: list.digests.size, names: list.names.length }, 'deny file read');
      await onChanged();
    },
    onUnreadable(error) {
      denyFile?.denyFileUnreadable(path, error);
      log.error({ path, 'err.detail': String(error) }, 'deny file cannot be read; its previous entries apply');
    },
    clock,
  });
  opened.defer(() => file.close());
}
