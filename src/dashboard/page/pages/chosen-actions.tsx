import type { ComponentChildren, JSX } from 'preact';

import type { BulkEvictResult, BulkPinResult } from '../../../operations/bulk-control.ts';
import type { RefreshResult } from '../../../operations/cache-control.ts';
import { call } from '../state/call.ts';
import type { Selection } from '../state/selection.ts';
import { session } from '../state/session.ts';
import { texts } from '../texts.ts';
import { Action } from '../view/action.tsx';
import { formatBytes } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Table } from '../view/table.tsx';
import { When } from '../view/values.tsx';

const words = texts.images;

interface ChosenActionsProps {
  readonly selection: Selection;
  readonly onDone: () => void;
  /** They are tags, which can be revalidated. @default false */
  readonly areTags?: boolean;
}

/** What can be done with the chosen rows. */
export function ChosenActions({ selection, onDone, areTags = false }: ChosenActionsProps): JSX.Element | null {
  const names = [...selection.names.value];
  if (!session.value?.isAdmin) return null;
  const isDisabled = names.length === 0;
  const done = async (work: () => Promise<ComponentChildren>) => {
    const result = await work();
    onDone();
    return result;
  };
  // With other rows a preview is not that of the button below it any more.
  return (
    <div key={names.join(' ')} class="actions">
      <span>{words.chosen(names.length)}</span>
      <Action
        label={words.evict}
        isDanger
        isDisabled={isDisabled}
        preview={async () => <Eviction result={await evict(names, true)} />}
        run={() => done(async () => <Eviction result={await evict(names, false)} />)}
      />
      <Action
        label={words.pin}
        isDisabled={isDisabled}
        preview={async () => <Pins result={await pin(names, true)} />}
        run={() => done(async () => <Pins result={await pin(names, false)} />)}
      />
      {areTags ? (
        <Action
          label={words.refresh}
          isDisabled={isDisabled}
          preview={() => words.refreshPreview(names.length)}
          run={() => done(async () => <Refreshed results={await refreshAll(names)} />)}
        />
      ) : null}
    </div>
  );
}

function evict(names: readonly string[], dryRun: boolean): Promise<BulkEvictResult> {
  return call('/evict', { method: 'POST', body: { names, dryRun } });
}

function pin(patterns: readonly string[], dryRun: boolean): Promise<BulkPinResult> {
  return call('/pins', { method: 'POST', body: { patterns, dryRun } });
}

/** One after the other: each may fetch an image. */
async function refreshAll(names: readonly string[]): Promise<readonly (readonly [string, string])[]> {
  const results: [string, string][] = [];
  for (const name of names) {
    const result = await call<RefreshResult>('/refresh', { method: 'POST', body: { name } }).then(
      ({ changed, fetched }) => (changed ? words.moved(formatBytes(fetched.bytes)) : words.unchanged),
      (error: Error) => error.message,
    );
    results.push([name, result]);
  }
  return results;
}

function Refreshed({ results }: { results: readonly (readonly [string, string])[] }): JSX.Element {
  return (
    <ul>
      {results.map(([name, result]) => (
        <li key={name}>
          <Foreign text={name} />: <Foreign text={result} />
        </li>
      ))}
    </ul>
  );
}

function Eviction({
  result: { dryRun, bytes, sharedBytes = 0, references, names },
}: {
  result: BulkEvictResult;
}): JSX.Element {
  return (
    <>
      <p>
        {dryRun ? words.evictPreview(references, formatBytes(bytes)) : words.evicted(references, formatBytes(bytes))}
      </p>
      {sharedBytes > 0 ? <p>{words.sharedStays(formatBytes(sharedBytes))}</p> : null}
      {dryRun ? <p>{words.evictCost}</p> : null}
      <Table
        caption={words.evict}
        rows={names}
        keyOf={({ name }) => name}
        columns={[
          { title: words.repository, isHead: true, cell: ({ name }) => <Foreign text={name} /> },
          { title: words.size, isNumber: true, cell: ({ bytes: own }) => formatBytes(own) },
          { title: words.used, cell: ({ lastUsedAt }) => <When at={lastUsedAt} /> },
          { title: words.held, cell: ({ held = '' }) => <Foreign text={held} /> },
        ]}
      />
    </>
  );
}

function Pins({ result: { dryRun, patterns } }: { result: BulkPinResult }): JSX.Element {
  return (
    <>
      <p>{dryRun ? words.pinPreview : words.pinnedNow}</p>
      <ul>
        {patterns.map(({ pattern, manifests, bytes }) => (
          <li key={pattern}>
            <Foreign text={pattern} />: {words.pinMatches(manifests, formatBytes(bytes))}
          </li>
        ))}
      </ul>
    </>
  );
}
