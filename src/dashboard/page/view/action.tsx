import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { session } from '../state/session.ts';
import { texts } from '../texts.ts';
import { Foreign } from './foreign.tsx';

interface ActionProps {
  /** What the button does: "Evict". */
  readonly label: string;
  /** What will happen, shown before it does. Absent: it happens at once. */
  readonly preview?: () => ComponentChildren | Promise<ComponentChildren>;
  /** @returns the result in a sentence */
  readonly run: () => Promise<ComponentChildren>;
  /** Removes something. @default false */
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
}

type Step =
  | { readonly name: 'idle' }
  | { readonly name: 'working' }
  | { readonly name: 'preview' | 'result'; readonly content: ComponentChildren }
  | { readonly name: 'failed'; readonly message: string };

/** A change: first what it will do, then one button, then the result in its place. Only for users who may change things. */
export function Action({ label, preview, run, isDanger = false, isDisabled = false }: ActionProps): JSX.Element | null {
  const step = useSignal<Step>({ name: 'idle' });
  const panel = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (step.value.name === 'preview') panel.current?.querySelector<HTMLElement>('button')?.focus();
  }, [step.value.name]);
  if (!session.value?.isAdmin) return null;
  const take = async (name: 'preview' | 'result', work: () => ComponentChildren | Promise<ComponentChildren>) => {
    step.value = { name: 'working' };
    try {
      step.value = { name, content: await work() };
    } catch (error) {
      step.value = { name: 'failed', message: (error as Error).message };
    }
  };
  const isWorking = step.value.name === 'working';
  const start = () => {
    if (!isWorking) void (preview ? take('preview', preview) : take('result', run));
  };
  /** The buttons of the preview disappear: the focus must not. */
  const leavePreview = (next: () => void) => {
    opener.current?.focus();
    next();
  };
  return (
    <div class="action">
      <button ref={opener} type="button" onClick={start} disabled={isDisabled} aria-disabled={isWorking}>
        {label}
      </button>
      <div ref={panel} class="action-panel" hidden={step.value.name === 'idle'}>
        <StepContent step={step.value} />
        {step.value.name === 'preview' ? (
          <p class="buttons">
            <button
              type="button"
              class={isDanger ? 'danger' : 'primary'}
              onClick={() => leavePreview(() => void take('result', run))}
            >
              {texts.actions.confirm(label)}
            </button>
            <button type="button" onClick={() => leavePreview(() => (step.value = { name: 'idle' }))}>
              {texts.actions.cancel}
            </button>
          </p>
        ) : null}
      </div>
    </div>
  );
}

function StepContent({ step }: { step: Step }): JSX.Element | null {
  switch (step.name) {
    case 'idle':
      return null;
    case 'working':
      return <p>{texts.actions.working}</p>;
    case 'preview':
      return <div>{step.content}</div>;
    case 'result':
      return <div role="status">{step.content}</div>;
    case 'failed':
      return (
        <p role="alert" class="bad">
          <Foreign text={step.message} />
        </p>
      );
  }
}
