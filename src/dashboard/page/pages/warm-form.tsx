import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';

import type { JobStatus } from '../../../operations/job-control.ts';
import { call } from '../state/call.ts';
import { session } from '../state/session.ts';
import { texts } from '../texts.ts';
import { Action } from '../view/action.tsx';
import { Section } from '../view/frame.tsx';

const words = texts.warm;

/** Fetches images before a client requests them. */
export function WarmForm({ onDone }: { onDone: () => void }): JSX.Element | null {
  const names = useSignal('');
  const platforms = useSignal('');
  const isPinned = useSignal(false);
  if (!session.value?.isAdmin) return null;
  const images = listOf(names.value);
  const start = async () => {
    const body = { images, platforms: listOf(platforms.value), referrers: false, pin: isPinned.value };
    const { name } = await call<JobStatus>('/jobs', { method: 'POST', body });
    onDone();
    return words.started(name);
  };
  return (
    <Section title={words.title}>
      <div class="form">
        <label>
          {words.images}
          <textarea
            rows={4}
            value={names.value}
            onInput={(event) => (names.value = event.currentTarget.value)}
            spellcheck={false}
          />
        </label>
        <label>
          {words.platforms}
          <input
            value={platforms.value}
            placeholder="linux/amd64"
            onInput={(event) => (platforms.value = event.currentTarget.value)}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={isPinned.value}
            onChange={(event) => (isPinned.value = event.currentTarget.checked)}
          />
          {words.pin}
        </label>
      </div>
      <Action
        label={words.start}
        isDisabled={images.length === 0}
        preview={() => words.preview(images.length)}
        run={start}
      />
    </Section>
  );
}

function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
