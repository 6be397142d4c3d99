import type { JSX } from 'preact';

import type { JobStatus } from '../../../operations/job-control.ts';
import { call } from '../state/call.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Action } from '../view/action.tsx';
import { formatBytes, formatCount } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Page } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Table } from '../view/table.tsx';
import { Badge, Meter, When } from '../view/values.tsx';
import { WarmForm } from './warm-form.tsx';

const words = texts.jobs;

/** Work on images that no client waits for. */
export function Jobs(): JSX.Element {
  const jobs = useResource<{ readonly jobs: readonly JobStatus[] }>('/jobs', { events: ['job'] });
  const reload = () => void jobs.reload();
  return (
    <Page title={words.title} intro={words.intro}>
      <Loaded of={jobs}>
        {({ jobs: rows }) =>
          rows.length === 0 ? <Empty>{words.none}</Empty> : <JobTable jobs={rows} onDone={reload} />
        }
      </Loaded>
      <WarmForm onDone={reload} />
    </Page>
  );
}

function JobTable({ jobs, onDone }: { jobs: readonly JobStatus[]; onDone: () => void }): JSX.Element {
  return (
    <Table
      caption={words.title}
      rows={jobs}
      keyOf={({ name }) => name}
      columns={[
        {
          title: words.name,
          isHead: true,
          cell: ({ name, kind }) => (
            <>
              <Foreign text={name} /> <Badge>{words.kinds[kind]}</Badge>
            </>
          ),
        },
        { title: words.state, cell: State },
        { title: words.outcomes, cell: outcomesOf },
        { title: words.bytes, isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
        { title: words.spent, isNumber: true, cell: ({ spent }) => formatCount(spent) },
        { title: words.finished, cell: ({ finishedAt }) => <When at={finishedAt} /> },
        { title: words.next, cell: ({ nextAt }) => <When at={nextAt} /> },
        { title: words.actions, cell: (job) => <JobActions job={job} onDone={onDone} /> },
      ]}
    />
  );
}

function State({ running, done, total, error }: JobStatus): JSX.Element {
  const progress = words.imagesOf(done, total);
  if (running) {
    return (
      <>
        <Meter share={total === 0 ? 0 : done / total} label={progress} /> {progress}
      </>
    );
  }
  return error === undefined ? <>{progress}</> : <Foreign text={error} />;
}

function outcomesOf({ outcomes }: JobStatus): string {
  const known = Object.entries(outcomes).filter(([, count]) => count > 0);
  return known.map(([outcome, count]) => `${outcome} ${count}`).join(', ') || texts.none;
}

function JobActions({
  job: { name, kind, running },
  onDone,
}: {
  job: JobStatus;
  onDone: () => void;
}): JSX.Element | null {
  const post = (action: 'run' | 'stop', result: string) => async () => {
    await call(`/jobs/${encodeURIComponent(name)}/${action}`, { method: 'POST' });
    onDone();
    return result;
  };
  if (running) return <Action label={words.stop} preview={() => words.stopPreview} run={post('stop', words.stopped)} />;
  if (kind !== 'sync') return null;
  return <Action label={words.run} preview={() => words.runPreview} run={post('run', words.started)} />;
}
