import { effect, signal } from '@preact/signals';

/** An open tab sends at most one request in this time, whatever it shows. Milliseconds. */
const PACE_MS = 10_000;

/** What loads each thing that a page shows and that changes, with the time when it did last. Unix milliseconds. */
const shown = new Map<() => Promise<void>, number>();

/** The user has stopped updates. */
export const isPaused = signal(false);

export const isVisible = signal(!document.hidden);

/** For texts such as "3 minutes ago". Unix milliseconds. */
export const now = signal(Date.now());

/** @returns a function that ends it */
export function keepRefreshed(load: () => Promise<void>): () => void {
  shown.set(load, Date.now());
  return () => shown.delete(load);
}

export function startRefreshing(): void {
  document.addEventListener('visibilitychange', () => (isVisible.value = !document.hidden));
  effect(() => {
    if (isVisible.value) refreshOldest();
  });
  setInterval(() => {
    if (!isVisible.value) return;
    now.value = Date.now();
    refreshOldest();
  }, PACE_MS);
}

function refreshOldest(): void {
  const [oldest] = [...shown].sort(([, a], [, b]) => a - b);
  if (!oldest || isPaused.peek()) return;
  const [load, loadedAt] = oldest;
  if (Date.now() - loadedAt < PACE_MS * 0.9) return;
  shown.set(load, Date.now());
  void load();
}
