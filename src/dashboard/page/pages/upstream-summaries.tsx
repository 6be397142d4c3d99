import type { JSX } from 'preact';

import type { UpstreamSummary } from '../../../operations/status-control.ts';
import { hrefOf } from '../state/place.ts';
import { texts } from '../texts.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty } from '../view/frame.tsx';
import { Badge, When } from '../view/values.tsx';

const words = texts.upstreams;

/** Each upstream, with its state in a word. */
export function UpstreamSummaries({ upstreams }: { upstreams: readonly UpstreamSummary[] }): JSX.Element {
  if (upstreams.length === 0) return <Empty>{words.none}</Empty>;
  return (
    <ul class="rows">
      {upstreams.map((upstream) => (
        <li key={upstream.name}>
          <a href={hrefOf(`/upstreams/${upstream.name}`)}>
            <Foreign text={upstream.name} />
          </a>{' '}
          <UpstreamState upstream={upstream} />
        </li>
      ))}
    </ul>
  );
}

export function UpstreamState({ upstream }: { upstream: Omit<UpstreamSummary, 'name'> }): JSX.Element {
  const { breaker, since, offlineUntil, failing } = upstream;
  if (offlineUntil !== undefined) {
    return (
      <>
        <Badge tone="warning">{words.offline}</Badge> {words.until} <When at={offlineUntil} />
      </>
    );
  }
  if (breaker === 'open') {
    return (
      <>
        <Badge tone="bad">{words.unavailable}</Badge> {since === undefined ? null : words.since}{' '}
        {since === undefined ? null : <When at={since} />}
      </>
    );
  }
  if (breaker === 'half-open') return <Badge tone="warning">{words.recovering}</Badge>;
  if (failing !== undefined) return <Badge tone="warning">{words.failing(failing)}</Badge>;
  return <Badge tone="good">{words.available}</Badge>;
}
