import { type Signal, useSignal } from '@preact/signals';
import { useCallback, useEffect, useRef } from 'preact/hooks';

import { call, type CallError } from './call.ts';
import { onServerEvent, type ServerEventType } from './server-events.ts';
import { keepRefreshed, now } from './refresher.ts';

export interface Resource<T> {
  /** Absent until it is loaded; stays when a later request fails. */
  readonly data: T | undefined;
  readonly error: CallError | undefined;
  readonly isLoading: boolean;
  /** Requests it again now. */
  readonly reload: () => Promise<void>;
}

interface ResourceOptions<T> {
  /** It stays as it is. @default false */
  readonly isStatic?: boolean;
  /** The data of an earlier path is shown until there is that of a new one. @default false */
  readonly isKept?: boolean;
  /** Events after which it is requested again, or that have it. */
  readonly events?: readonly ServerEventType[];
  /** What an event makes of the data. Absent, or without a result: it is requested again. */
  readonly apply?: (type: ServerEventType, event: unknown, data: T | undefined) => T | undefined;
}

interface Loaded<T> {
  readonly path?: string;
  readonly data?: T | undefined;
  readonly error?: CallError | undefined;
}

/** What the admin API has at a path, and has later. @param path absent: nothing */
export function useResource<T>(path: string | undefined, options: ResourceOptions<T> = {}): Resource<T> {
  const loaded = useSignal<Loaded<T>>({});
  const isLoading = useSignal(false);
  const reload = useLoad(path, loaded, isLoading);
  const latest = useRef(options);
  latest.current = options;
  const { isStatic = false, isKept = false, events = [] } = options;
  useEffect(() => {
    if (path === undefined) return undefined;
    void reload();
    const ends = isStatic ? [] : [keepRefreshed(reload)];
    const listen = (type: ServerEventType) =>
      onServerEvent(type, (event) => {
        const data = latest.current.apply?.(type, event, loaded.peek().data);
        if (data === undefined) void reload();
        else loaded.value = { path, data };
      });
    const stops = [...ends, ...events.map(listen)];
    return () => stops.forEach((stop) => stop());
  }, [path, isStatic]);
  const { path: of, data, error } = loaded.value;
  const isCurrent = of === path || isKept;
  return {
    data: isCurrent ? data : undefined,
    error: isCurrent ? error : undefined,
    isLoading: isLoading.value,
    reload,
  };
}

function useLoad<T>(path: string | undefined, loaded: Signal<Loaded<T>>, isLoading: Signal<boolean>) {
  const running = useRef<AbortController>(undefined);
  const reload = useCallback(async () => {
    running.current?.abort();
    if (path === undefined) return;
    const controller = new AbortController();
    running.current = controller;
    isLoading.value = true;
    try {
      const data = await call<T>(path, { signal: controller.signal });
      loaded.value = { path, data };
    } catch (error) {
      if (controller.signal.aborted) return;
      const data = loaded.peek().path === path ? loaded.peek().data : undefined;
      loaded.value = { path, data, error: error as CallError };
    }
    if (running.current === controller) isLoading.value = false;
    now.value = Date.now();
  }, [path]);
  useEffect(() => () => running.current?.abort(), []);
  return reload;
}
