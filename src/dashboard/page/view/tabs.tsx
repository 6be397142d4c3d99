import type { ComponentChildren, JSX } from 'preact';

import { hrefOf, path, query } from '../state/place.ts';

interface TabsProps<Name extends string> {
  /** For screen readers. */
  readonly label: string;
  readonly names: readonly Name[];
  readonly textOf: (name: Name) => string;
  /** In the query of the URL. */
  readonly parameter?: string;
  readonly children: (name: Name) => ComponentChildren;
}

/** Parts of a page, of which one is shown: links, so that each has an address. */
export function Tabs<Name extends string>({
  label,
  names,
  textOf,
  parameter = 'tab',
  children,
}: TabsProps<Name>): JSX.Element {
  const chosen = names.find((name) => name === query.value.get(parameter)) ?? names[0];
  const others = Object.fromEntries(query.value);
  return (
    <>
      <nav class="tabs" aria-label={label}>
        <ul>
          {names.map((name) => (
            <li key={name}>
              <a
                href={hrefOf(path.value, { ...others, [parameter]: name })}
                aria-current={name === chosen ? 'true' : undefined}
              >
                {textOf(name)}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      {chosen === undefined ? null : children(chosen)}
    </>
  );
}
