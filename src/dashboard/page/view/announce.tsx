import { signal } from '@preact/signals';
import type { JSX } from 'preact';

const message = signal('');

/** Has screen readers read the result of an action. */
export function announce(text: string): void {
  message.value = '';
  setTimeout(() => (message.value = text), 50);
}

export function Announcer(): JSX.Element {
  return (
    <div class="visually-hidden" role="status">
      {message}
    </div>
  );
}
