import type { JSX } from 'preact';

import type { Problem } from '../../../operations/problem-control.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { ProblemList } from './problem-list.tsx';

export function Problems(): JSX.Element {
  const problems = useResource<{ readonly problems: readonly Problem[] }>('/problems', { events: ['problem'] });
  return (
    <Page title={texts.problems.title} intro={texts.problems.intro}>
      <Section title={texts.problems.list}>
        <Loaded of={problems}>{(data) => <ProblemList problems={data.problems} none={texts.problems.none} />}</Loaded>
      </Section>
    </Page>
  );
}
