import type { ComponentChildren, JSX } from 'preact';

import { now } from '../state/refresher.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatMoment, formatRelative } from './format.ts';

/** A time, as its distance to now. @param at RFC 3339, or Unix milliseconds */
export function When({ at }: { at: string | number | undefined }): JSX.Element {
  if (at === undefined) return <None />;
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return <None />;
  return (
    <time dateTime={time.toISOString()} title={formatMoment(time.getTime())}>
      {formatRelative(time.getTime(), now.value)}
    </time>
  );
}

export function Bytes({ of }: { of: number | undefined }): JSX.Element {
  if (of === undefined) return <None />;
  return <span class="number">{formatBytes(of)}</span>;
}

/** There is no value. */
export function None(): JSX.Element {
  return <span class="none">{texts.none}</span>;
}

export type Tone = 'good' | 'warning' | 'bad' | 'plain';

/** A state in a word. */
export function Badge({ tone = 'plain', children }: { tone?: Tone; children: ComponentChildren }): JSX.Element {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** A part of a whole. @param share from 0 to 1 @param label what a screen reader reads */
export function Meter({ share, label }: { share: number; label: string }): JSX.Element {
  return <progress class="meter" max={1} value={Math.min(1, Math.max(0, share))} aria-label={label} />;
}

/** Names and values. Those without a value are left out. */
export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }): JSX.Element {
  const known = of.filter(([, value]) => value !== undefined && value !== '' && value !== null);
  return (
    <dl class="facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
