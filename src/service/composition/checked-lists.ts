import type { ProxyConfig } from '../../config/config.ts';
import type { CheckStore } from '../../content/image-check.ts';
import type { CheckedList } from '../../health/health-dependencies.ts';
import type { ContentRefusals } from '../../registry/refusals.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { createImageCheck } from './image-checks.ts';

export interface CheckedListsParts {
  readonly store: CheckStore;
  readonly metrics: Metrics;
  readonly refusals: ContentRefusals;
}

/** Incomplete images that a reason names. */
const MAX_NAMED = 3;

/** Checks of the configured locks, in storage alone. */
export function createCheckedLists(proxy: ProxyConfig | undefined, parts: CheckedListsParts): CheckedList[] {
  const { store, metrics, refusals } = parts;
  const find = createImageCheck(proxy, store, refusals);
  return (proxy?.checks ?? []).map(({ name, lock, referrers, ...list }) => ({
    ...list,
    name,
    check: async (signal) => {
      const isComplete = (value: number) => (metrics.offlineComplete.at(name).value = value);
      try {
        await assertComplete(await loadRequests(lock, { referrers }), find, signal);
        isComplete(1);
      } catch (err) {
        if (!signal.aborted) isComplete(0);
        throw err;
      }
    },
  }));
}

async function assertComplete(
  { images, requests }: Awaited<ReturnType<typeof loadRequests>>,
  find: ReturnType<typeof createImageCheck>,
  signal: AbortSignal,
): Promise<void> {
  const incomplete: string[] = [];
  for (const [i, request] of requests.entries()) {
    signal.throwIfAborted();
    const { missing } = await find(request);
    if (missing.length > 0) incomplete.push(images[i]?.name ?? '');
  }
  if (incomplete.length > 0) throw new Error(describe(incomplete, images.length));
}

/** The code of lists is loaded by the first check. @throws {ImageError} */
async function loadRequests(path: string, options: { readonly referrers: boolean }) {
  const [{ findLock }, { checkRequestOf }] = await Promise.all([
    import('../../lists/read-files.ts'),
    import('../../jobs/check-request.ts'),
  ]);
  const lock = await findLock(path);
  if (!lock || lock.images.length === 0) throw new Error(`${path}: ${lock ? 'locks no images' : 'no such file'}`);
  return {
    images: lock.images,
    requests: lock.images.map((image) => checkRequestOf(image, { ...options, read: false })),
  };
}

function describe(incomplete: readonly string[], total: number): string {
  const named = incomplete.slice(0, MAX_NAMED).join(', ');
  const more = incomplete.length > MAX_NAMED ? ', …' : '';
  return `${total - incomplete.length} of ${total} images pull offline; incomplete: ${named}${more}`;
}
