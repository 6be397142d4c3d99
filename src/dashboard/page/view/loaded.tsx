import type { ComponentChildren, JSX } from 'preact';

import type { Resource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Foreign } from './foreign.tsx';
import { Loading, Notice } from './frame.tsx';

interface LoadedProps<T> {
  readonly of: Resource<T>;
  readonly children: (data: T) => ComponentChildren;
}

/** Shows the last data of a resource, also when the server does not respond any more. */
export function Loaded<T>({ of: { data, error, reload }, children }: LoadedProps<T>): JSX.Element {
  return (
    <>
      {error ? (
        <Notice tone="bad">
          <p role="alert">
            <Foreign text={error.message} />
          </p>
          <button type="button" onClick={() => void reload()}>
            {texts.tryAgain}
          </button>
        </Notice>
      ) : null}
      {data === undefined ? error ? null : <Loading /> : children(data)}
    </>
  );
}
