import type { JSX } from 'preact';

import type { RepositoryView } from '../../../operations/repository-control.ts';
import { texts } from '../texts.ts';
import { Badge } from '../view/values.tsx';

const words = texts.images;

export function RepositoryState({ repository }: { repository: RepositoryView }): JSX.Element {
  const { hosted, pinned, filling } = repository;
  return (
    <>
      {hosted ? <Badge>{words.hosted}</Badge> : null} {pinned ? <Badge tone="good">{words.pinned}</Badge> : null}{' '}
      {filling ? <Badge tone="warning">{words.filling}</Badge> : null}
    </>
  );
}
