import type { JSX } from 'preact';

import type { CollectionStatus, RebuildStatus, ScrubStatus } from '../../../operations/cache-control.ts';
import { call } from '../state/call.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Action } from '../view/action.tsx';
import { formatBytes, formatCount, formatPercent } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Notice, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Facts, Meter, When } from '../view/values.tsx';

const words = texts.upkeep;

function start<T>(path: string, body: object = {}): Promise<T> {
  return call<T>(path, { method: 'POST', body });
}

function Failure({ error }: { error: string | undefined }): JSX.Element | null {
  if (error === undefined) return null;
  return (
    <Notice tone="bad">
      <Foreign text={error} />
    </Notice>
  );
}

export function Scrub({ status, onDone }: { status: ScrubStatus; onDone: () => void }): JSX.Element {
  const { running, progress, finishedAt, blobs, bytes, damaged, unreadable, error } = status;
  return (
    <Section title={words.scrub}>
      <p>{words.scrubIntro}</p>
      {running ? (
        <p>
          <Meter share={progress} label={words.scrub} /> {formatPercent(progress)}
        </p>
      ) : null}
      <Failure error={error} />
      <Facts
        of={[
          [words.finished, <When key="finished" at={finishedAt} />],
          [words.read, words.readOf(formatCount(blobs), formatBytes(bytes))],
          [words.damaged, formatCount(damaged.length)],
          [words.unreadable, formatCount(unreadable.length)],
        ]}
      />
      <Action
        label={words.startScrub}
        isDisabled={running}
        preview={() => words.scrubPreview}
        run={async () => {
          await start('/scrub');
          onDone();
          return words.started;
        }}
      />
    </Section>
  );
}

/** Garbage: first what would be removed. */
export function Collection(): JSX.Element {
  const status = useResource<CollectionStatus>('/collection');
  const collect = async (dryRun: boolean) => {
    await start<CollectionStatus>('/collection', { dryRun });
    void status.reload();
    return words.started;
  };
  return (
    <Section title={words.collection}>
      <p>{words.collectionIntro}</p>
      <Loaded of={status}>
        {({ running, progress, result, error }) => (
          <>
            {running && progress ? (
              <p>
                {words.phases[progress.phase]} {formatCount(progress.done)} / {formatCount(progress.total)}
              </p>
            ) : null}
            <Failure error={error} />
            {result ? (
              <Facts
                of={[
                  [words.manifests, formatCount(result.manifests.length)],
                  [words.blobs, formatCount(result.blobs.length)],
                  [words.bytes, formatBytes(result.bytes)],
                  [words.skipped, formatCount(result.skipped.length)],
                ]}
              />
            ) : null}
            <div class="actions">
              <Action label={words.dryRun} isDisabled={running} run={() => collect(true)} />
              <Action
                label={words.collect}
                isDanger
                isDisabled={running}
                preview={() => words.collectPreview}
                run={() => collect(false)}
              />
            </div>
          </>
        )}
      </Loaded>
    </Section>
  );
}

export function Rebuild({ isComplete }: { isComplete: boolean }): JSX.Element {
  const status = useResource<RebuildStatus>('/index/rebuild');
  return (
    <Section title={words.rebuild}>
      <p>{isComplete ? words.isComplete : words.isIncomplete}</p>
      <Loaded of={status}>
        {({ running, progress, error }) => (
          <>
            {running && progress ? (
              <p>
                {formatCount(progress.done)} / {formatCount(progress.total)}
              </p>
            ) : null}
            <Failure error={error} />
            <Action
              label={words.startRebuild}
              isDisabled={running}
              preview={() => words.rebuildPreview}
              run={async () => {
                await start('/index/rebuild');
                void status.reload();
                return words.started;
              }}
            />
          </>
        )}
      </Loaded>
    </Section>
  );
}
