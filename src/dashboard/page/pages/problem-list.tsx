import type { JSX } from 'preact';

import type { Problem } from '../../../operations/problem-control.ts';
import { texts } from '../texts.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty } from '../view/frame.tsx';
import { Badge, type Tone, When } from '../view/values.tsx';

const words = texts.problems;

const TONES: Readonly<Record<Problem['severity'], Tone>> = { error: 'bad', warning: 'warning', notice: 'plain' };

export function ProblemList({ problems, none }: { problems: readonly Problem[]; none: string }): JSX.Element {
  if (problems.length === 0) return <Empty>{none}</Empty>;
  return (
    <ul class="cards">
      {problems.map((problem) => (
        <li key={`${problem.cause} ${problem.upstream} ${problem.subject}`} class="card">
          <ProblemCard problem={problem} />
        </li>
      ))}
    </ul>
  );
}

function ProblemCard({ problem }: { problem: Problem }): JSX.Element {
  const { severity, text, todo, docs, upstream, subject, detail, count, firstAt, lastAt } = problem;
  return (
    <>
      <h3>
        <Badge tone={TONES[severity]}>{words.severities[severity]}</Badge> {text}
      </h3>
      {upstream === undefined && subject === undefined ? null : (
        <p>
          {[upstream, subject]
            .filter((part) => part !== undefined)
            .map((part) => (
              <span key={part} class="part">
                <Foreign text={part} />
              </span>
            ))}
        </p>
      )}
      {detail === undefined ? null : (
        <p class="detail">
          <Foreign text={detail} maxLength={500} />
        </p>
      )}
      <p>
        <strong>{words.todo}</strong> {todo}
      </p>
      <p class="more">
        {words.count(count)} · {words.last} <When at={lastAt} /> · {words.first} <When at={firstAt} /> · {words.see}{' '}
        <code>{docs}</code>
      </p>
    </>
  );
}
