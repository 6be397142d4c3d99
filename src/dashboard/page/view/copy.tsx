import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';

import { texts } from '../texts.ts';
import { announce } from './announce.tsx';

/** Copies a text. @param what for screen readers */
export function CopyButton({ text, what }: { text: string; what: string }): JSX.Element {
  const isCopied = useSignal(false);
  const copy = async () => {
    isCopied.value = await copyText(text);
    announce(isCopied.value ? texts.copied(what) : texts.notCopied);
    setTimeout(() => (isCopied.value = false), 2_000);
  };
  return (
    <button type="button" class="copy" data-copy onClick={() => void copy()} aria-label={texts.copyWhat(what)}>
      {isCopied.value ? texts.copiedShort : texts.copy}
    </button>
  );
}

/** A command or a file, as a whole to be copied. */
export function Code({ text, what }: { text: string; what: string }): JSX.Element {
  return (
    <div class="code">
      <pre tabIndex={0} role="group" aria-label={what}>
        <code>{text}</code>
      </pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}

/** The clipboard is available to pages with HTTPS and on this machine; for others there is the selection. */
async function copyText(text: string): Promise<boolean> {
  if (!window.isSecureContext) return copySelected(text);
  return navigator.clipboard.writeText(text).then(
    () => true,
    () => copySelected(text),
  );
}

function copySelected(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  // oxlint-disable-next-line typescript/no-deprecated -- Pages without HTTPS have nothing else.
  const isCopied = document.execCommand('copy');
  area.remove();
  return isCopied;
}
