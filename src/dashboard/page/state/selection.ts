import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** Rows of a list that the user has chosen, by name. */
export interface Selection {
  readonly names: Signal<ReadonlySet<string>>;
  readonly toggle: (name: string, isChosen: boolean) => void;
  readonly clear: () => void;
}

/** @param list what the rows belong to: another one has another selection */
export function useSelection(list: string): Selection {
  const names = useSignal<ReadonlySet<string>>(new Set());
  const clear = () => (names.value = new Set());
  useEffect(() => void clear(), [list]);
  return {
    names,
    clear,
    toggle(name, isChosen) {
      const changed = new Set(names.value);
      if (isChosen) changed.add(name);
      else changed.delete(name);
      names.value = changed;
    },
  };
}
