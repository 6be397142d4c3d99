import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { go, hrefOf } from '../state/place.ts';
import { texts } from '../texts.ts';

/** After `g`. */
const PAGES: Readonly<Record<string, string>> = {
  o: '/',
  i: '/images',
  f: '/fills',
  u: '/upstreams',
  c: '/clients',
  p: '/problems',
  s: '/storage',
};

/** Milliseconds. */
const SEQUENCE_MS = 1_500;

const isHelpOpen = signal(false);

export function toggleKeyHelp(): void {
  isHelpOpen.value = !isHelpOpen.value;
}

export function followKeys(): void {
  let lastG = 0;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const page = Date.now() - lastG < SEQUENCE_MS ? PAGES[event.key] : undefined;
    lastG = event.key === 'g' ? Date.now() : 0;
    const isHandled = page === undefined ? handleKey(event.key) : openPage(page);
    if (isHandled) event.preventDefault();
  });
}

function openPage(page: string): boolean {
  go(hrefOf(page));
  return true;
}

/** @returns whether the key does anything */
function handleKey(key: string): boolean {
  switch (key) {
    case '/':
      return focusFirst('input[type=search]');
    case '?':
      toggleKeyHelp();
      return true;
    case 'j':
      return moveRow(1);
    case 'k':
      return moveRow(-1);
    case 'y':
      return copyNearest();
    default:
      return false;
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, select, textarea') !== null;
}

function focusFirst(selector: string): boolean {
  const found = document.querySelector<HTMLElement>(`main ${selector}`);
  found?.focus();
  return found !== null;
}

/** Moves the focus to the first link of another row. */
function moveRow(step: number): boolean {
  const rows = [...document.querySelectorAll('main tbody tr')].filter((row) => row.querySelector('a, button, input'));
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at === -1 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))];
  next?.querySelector<HTMLElement>('a, button, input')?.focus();
  return next !== undefined;
}

/** Copies by the button of the row that has the focus, else by the first one of the page. */
function copyNearest(): boolean {
  const within = document.activeElement?.closest('tr, section, .code') ?? document.querySelector('main');
  const button = within?.querySelector<HTMLElement>('[data-copy]');
  button?.click();
  return button !== null && button !== undefined;
}

export function KeyHelp(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isHelpOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isHelpOpen.value]);
  return (
    <dialog ref={dialog} aria-labelledby="keys-title" onClose={() => (isHelpOpen.value = false)}>
      <h2 id="keys-title">{texts.keys.title}</h2>
      <dl class="facts">
        {texts.keys.list.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={toggleKeyHelp}>
        {texts.close}
      </button>
    </dialog>
  );
}
