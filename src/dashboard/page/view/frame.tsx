import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

import { texts } from '../texts.ts';

let isFirst = true;

interface PageProps {
  readonly title: string;
  /** Instead of the title, for one with a text from elsewhere. */
  readonly heading?: ComponentChildren;
  readonly intro?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A page: after a navigation its heading has the focus, so that screen readers and keyboards start there. */
export function Page({ title, heading, intro, children }: PageProps): JSX.Element {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Layover`;
    if (!isFirst) head.current?.focus();
    isFirst = false;
  }, [title]);
  return (
    <>
      <h1 ref={head} tabIndex={-1}>
        {heading ?? title}
      </h1>
      {intro === undefined ? null : <p class="intro">{intro}</p>}
      {children}
    </>
  );
}

interface SectionProps {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Section({ title, aside, children }: SectionProps): JSX.Element {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <div class="section-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

export function Notice({ tone = 'plain', children }: { tone?: string; children: ComponentChildren }): JSX.Element {
  return <div class={`notice ${tone}`}>{children}</div>;
}

/** Shown for a list without rows. */
export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

export function Loading(): JSX.Element {
  return <p class="loading">{texts.loading}</p>;
}
