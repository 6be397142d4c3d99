import type { JSX } from 'preact';

import type { ProbeView, UpstreamView } from '../../../operations/upstream-control.ts';
import { call } from '../state/call.ts';
import { texts } from '../texts.ts';
import { Action } from '../view/action.tsx';
import { formatSpan } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';

const words = texts.upstreams;

const HOUR_MS = 3_600_000;

export function UpstreamActions({ upstream, onDone }: { upstream: UpstreamView; onDone: () => void }): JSX.Element {
  const { name, offlineUntil } = upstream;
  const at = `/upstreams/${encodeURIComponent(name)}`;
  const setOffline = (forMs: number, result: string) => async () => {
    await call(`${at}/offline`, { method: 'POST', body: { forMs } });
    onDone();
    return result;
  };
  return (
    <div class="actions">
      <Action
        label={words.probe}
        run={async () => {
          const { endpoints } = await call<ProbeView>(`${at}/probe`, { method: 'POST' });
          onDone();
          return <ProbeResult endpoints={endpoints} />;
        }}
      />
      <Action
        label={words.reset}
        preview={() => words.resetPreview}
        run={async () => {
          await call(`${at}/reset`, { method: 'POST' });
          onDone();
          return words.resetDone;
        }}
      />
      {offlineUntil === undefined ? (
        <Action
          label={words.goOffline}
          preview={() => words.offlinePreview}
          run={setOffline(HOUR_MS, words.isOffline)}
        />
      ) : (
        <Action label={words.goOnline} run={setOffline(0, words.isOnline)} />
      )}
    </div>
  );
}

function ProbeResult({ endpoints }: ProbeView): JSX.Element {
  return (
    <ul>
      {endpoints.map(({ host, ok, durationMs, error = '' }) => (
        <li key={host}>
          <Foreign text={host} />: {ok ? words.responded(formatSpan(durationMs)) : <Foreign text={error} />}
        </li>
      ))}
    </ul>
  );
}
