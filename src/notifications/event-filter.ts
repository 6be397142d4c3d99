import type { Notification } from './envelope.ts';

export interface EventFilterOptions {
  readonly ignoredMediaTypes: readonly string[];
  readonly ignoredActions: readonly string[];
}

/** Whether an endpoint wants an event. As in distribution, one matching `ignore` rule is enough to skip it. */
export function createEventFilter({ ignoredMediaTypes, ignoredActions }: EventFilterOptions) {
  const mediaTypes = new Set(ignoredMediaTypes);
  const actions = new Set(ignoredActions);
  return ({ action, target }: Notification): boolean => !actions.has(action) && !mediaTypes.has(target.mediaType ?? '');
}
