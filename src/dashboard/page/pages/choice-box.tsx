import type { JSX } from 'preact';

import type { Selection } from '../state/selection.ts';
import { texts } from '../texts.ts';
import { visibleText } from '../view/visible-text.ts';

/** Chooses a row for actions. */
export function ChoiceBox({ name, selection }: { name: string; selection: Selection }): JSX.Element {
  return (
    <input
      type="checkbox"
      aria-label={texts.images.chooseName(visibleText(name))}
      checked={selection.names.value.has(name)}
      onChange={(event) => selection.toggle(name, event.currentTarget.checked)}
    />
  );
}
