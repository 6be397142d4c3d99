import type { RepositoryStore } from '../content/repositories.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { PinBackup } from './pin-backup.ts';
import type { SchedulerState } from './scheduler-state.ts';
import type { UnprefixedOwner } from './unprefixed-owner.ts';

/** The upstream whose content is stored without a prefix, and the repositories that count as its own. */
export interface UnprefixedUpstream {
  readonly name: string;
  readonly owns: (repository: string) => boolean;
}

export interface PushedBeforeEvents {
  /** Repositories were pinned, because they may have been pushed. */
  pushedBeforePinned(event: { readonly upstream: string; readonly repositories: readonly string[] }): void;
}

export interface PushedBeforeOptions {
  readonly index: UsageIndex;
  readonly store: { readonly repositories: Pick<RepositoryStore, 'walk'> };
  readonly owner: UnprefixedOwner;
  readonly pinBackup: PinBackup;
  readonly loadSchedulerState: () => Promise<SchedulerState>;
  readonly events: PushedBeforeEvents;
  readonly now: () => number;
}

/**
 * When names without a prefix become those of an upstream, pins the repositories that have such names already and are not in distribution's
 * expiry list: they may have been pushed, and could not be fetched again. A damaged list still shows that the storage was a cache.
 *
 * @param unprefixed absent when every upstream has a prefix
 * @param wasIndexed whether Layover used the storage before
 */
export async function pinPushedBefore(
  unprefixed: UnprefixedUpstream | undefined,
  { wasIndexed, ...options }: PushedBeforeOptions & { readonly wasIndexed: boolean },
): Promise<void> {
  const { owner } = options;
  const upstream = unprefixed?.name ?? null;
  const before = await owner.load();
  if (before === upstream) return;
  // Storage of a version that kept no record: its content without a prefix expired before, too.
  const isNew = before === null || (before === undefined && !wasIndexed);
  if (unprefixed && isNew) await pinUnlisted(unprefixed, options);
  await owner.save(upstream);
}

async function pinUnlisted(
  { name, owns }: UnprefixedUpstream,
  { index, store, pinBackup, loadSchedulerState, events, now }: PushedBeforeOptions,
): Promise<void> {
  const state = await loadSchedulerState();
  if (state.kind === 'damaged') return;
  const listed = new Set(state.kind === 'read' ? state.entries.map(({ repository }) => repository) : []);
  const repositories: string[] = [];
  for await (const repository of store.repositories.walk()) {
    if (owns(repository) && !listed.has(repository)) repositories.push(repository);
  }
  if (repositories.length === 0) return;
  for (const pattern of repositories) await index.pin({ pattern, pinnedAt: now() });
  await pinBackup.save(await index.pins());
  events.pushedBeforePinned({ upstream: name, repositories });
}
