import type { Notification } from './envelope.ts';

export interface EventFilterOptions {
  readonly ignoredMediaTypes: readonly string[];
  readonly ignoredActions: readonly string[];
}

/** Whether an endpoint wants to be told. One reason not to is enough, as in distribution. */
export function createEventFilter({ ignoredMediaTypes, ignoredActions }: EventFilterOptions) {
  const mediaTypes = new Set(ignoredMediaTypes);
  const actions = new Set(ignoredActions);
  return ({ action, target }: Notification): boolean => !actions.has(action) && !mediaTypes.has(target.mediaType ?? '');
}
