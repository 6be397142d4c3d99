import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';

import { query, setQuery } from '../state/place.ts';

/** The server is queried when the user pauses. Milliseconds. */
const PAUSE_MS = 300;

/** A filter of a list, which is in the URL. @param name of its value there */
export function Search({ label, name = 'q' }: { label: string; name?: string }): JSX.Element {
  const waiting = useRef<number>(undefined);
  const search = (text: string) => {
    clearTimeout(waiting.current);
    waiting.current = window.setTimeout(() => setQuery({ [name]: text, cursor: '' }, { replace: true }), PAUSE_MS);
  };
  return (
    <label class="search">
      {label}
      <input
        type="search"
        defaultValue={query.peek().get(name) ?? ''}
        onInput={(event) => search(event.currentTarget.value)}
        autocapitalize="none"
        spellcheck={false}
      />
    </label>
  );
}

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly name: string;
  readonly values: readonly Value[];
  readonly textOf: (value: Value) => string;
}

/** One of several values, which is in the URL; the first one is the default. */
export function Choice<Value extends string>({ label, name, values, textOf }: ChoiceProps<Value>): JSX.Element {
  return (
    <label>
      {label}
      <select
        value={query.value.get(name) ?? values[0] ?? ''}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value, cursor: '' })}
      >
        {values.map((value) => (
          <option key={value} value={value}>
            {textOf(value)}
          </option>
        ))}
      </select>
    </label>
  );
}
