import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';

import type { ImageConfig } from '../../../operations/manifest-control.ts';
import { texts } from '../texts.ts';
import { formatBytes } from '../view/format.ts';
import { Foreign, ForeignBlock } from '../view/foreign.tsx';
import { Section } from '../view/frame.tsx';
import { Table } from '../view/table.tsx';
import { Facts, None } from '../view/values.tsx';
import { shellArgument } from '../view/visible-text.ts';
import { Pairs } from './image-overview.tsx';

const words = texts.image;

export function ImageConfigView({ config }: { config: ImageConfig }): JSX.Element {
  const { os, architecture, variant, user, workingDir, entrypoint, cmd, exposedPorts, volumes, stopSignal, author } =
    config;
  const facts: readonly (readonly [string, string | undefined])[] = [
    [words.platform, [os, architecture, variant].filter(Boolean).join('/')],
    [words.entrypoint, entrypoint?.map(shellArgument).join(' ')],
    [words.cmd, cmd?.map(shellArgument).join(' ')],
    [words.user, user],
    [words.workingDir, workingDir],
    [words.ports, exposedPorts.join(', ')],
    [words.volumes, volumes.join(', ')],
    [words.stopSignal, stopSignal],
    [words.author, author],
  ];
  return (
    <>
      <Facts of={facts.map(([name, text]) => [name, text ? <Foreign key={name} text={text} /> : undefined])} />
      <Environment env={config.env} />
      <Pairs title={words.labels} of={config.labels} />
    </>
  );
}

/** Names of variables that often have secrets. */
const SECRET = /pass(?:word|wd)?|secret|token|api_?key|credential|private/i;

function Environment({ env }: { env: readonly string[] }): JSX.Element | null {
  if (env.length === 0) return null;
  return (
    <Section title={words.env}>
      <ul class="rows">
        {env.map((entry, i) => (
          <li key={i}>
            <Variable entry={entry} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Variable({ entry }: { entry: string }): JSX.Element {
  const isShown = useSignal(false);
  const at = entry.indexOf('=');
  const name = at === -1 ? entry : entry.slice(0, at);
  if (isShown.value || at === -1 || !SECRET.test(name)) return <Foreign text={entry} />;
  return (
    <>
      <Foreign text={name} />={' '}
      <button type="button" onClick={() => (isShown.value = true)}>
        {words.showSecret}
      </button>
    </>
  );
}

/** How the image was made, as its builder has recorded it. */
export function ImageHistory({ config: { history } }: { config: ImageConfig }): JSX.Element {
  return (
    <Table
      caption={words.tabs.history}
      rows={history.map((step, i) => ({ ...step, i }))}
      keyOf={({ i }) => String(i)}
      columns={[
        { title: words.number, isNumber: true, cell: ({ i }) => i + 1 },
        {
          title: words.command,
          isHead: true,
          cell: ({ createdBy, comment }) => (
            <>
              {createdBy === undefined ? <None /> : <ForeignBlock text={createdBy} />}{' '}
              {comment === undefined ? null : <Foreign text={comment} maxLength={400} />}
            </>
          ),
        },
        { title: words.size, isNumber: true, cell: ({ size }) => (size === undefined ? <None /> : formatBytes(size)) },
        {
          title: words.created,
          cell: ({ created }) => (created === undefined ? <None /> : <Foreign text={created} maxLength={40} />),
        },
      ]}
    />
  );
}
