import { effect } from '@preact/signals';

import type { ServiceEvent } from '../../../operations/event-control.ts';
import { API_ROOT } from './place.ts';
import { isPaused, isVisible } from './refresher.ts';

export type ServerEventType = ServiceEvent['type'];

type Listener = (data: unknown) => void;

const listeners = new Map<ServerEventType, Set<Listener>>();
const TYPES: readonly ServerEventType[] = ['fills', 'breaker', 'problem', 'job', 'verify', 'reset'];

let source: EventSource | undefined;
/** The server refuses events to this user, or sends none: pages poll. */
let isRefused = false;

/** @param listen called after missed events with undefined @returns a function that ends it */
export function onServerEvent(type: ServerEventType, listen: Listener): () => void {
  const known = listeners.get(type) ?? new Set();
  listeners.set(type, known.add(listen));
  open();
  return () => void known.delete(listen);
}

/** A tab that is not visible has no connection: a browser has only six to a server. */
export function followVisibility(): void {
  effect(() => {
    if (isVisible.value && !isPaused.value) open();
    else close();
  });
}

/** Called when another user has signed in. */
export function reconnect(): void {
  isRefused = false;
  close();
  open();
}

function open(): void {
  const isWanted = [...listeners.values()].some((known) => known.size > 0);
  if (source || isRefused || !isWanted || !isVisible.peek() || isPaused.peek()) return;
  source = new EventSource(`${API_ROOT}/events`);
  for (const type of TYPES) source.addEventListener(type, ({ data }: MessageEvent<string>) => emit(type, data));
  source.addEventListener('error', () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    isRefused = true;
    close();
  });
}

function close(): void {
  source?.close();
  source = undefined;
}

function emit(type: ServerEventType, text: string): void {
  if (type === 'reset') for (const known of listeners.values()) known.forEach((listen) => listen(undefined));
  else listeners.get(type)?.forEach((listen) => listen(JSON.parse(text)));
}
