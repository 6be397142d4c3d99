import { effect, signal } from '@preact/signals';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'layover-theme';

export const theme = signal<Theme>(stored());

/** Calls back when colours change, by the user or the system. @returns a function that ends it */
export function onColours(changed: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', changed);
  const stop = effect(() => {
    void theme.value;
    changed();
  });
  return () => {
    system.removeEventListener('change', changed);
    stop();
  };
}

export function followTheme(): void {
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value;
    try {
      localStorage.setItem(KEY, theme.value);
    } catch {
      // The browser keeps nothing for this page: the theme lasts as long as it is open.
    }
  });
}

function stored(): Theme {
  try {
    return THEMES.find((name) => name === localStorage.getItem(KEY)) ?? 'system';
  } catch {
    return 'system';
  }
}
