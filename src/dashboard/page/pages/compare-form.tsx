import type { JSX } from 'preact';

import { go, hrefOf } from '../state/place.ts';
import { texts } from '../texts.ts';
import { formText } from '../view/form-text.ts';

const words = texts.compare;

/** Leads from an image to its comparison with another one. */
export function CompareForm({ image }: { image: string }): JSX.Element {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const other = formText(new FormData(event.currentTarget as HTMLFormElement), 'other').trim();
    if (other !== '') go(hrefOf('/compare', { a: image, b: other }));
  };
  return (
    <form class="filters" onSubmit={submit}>
      <label>
        {words.with}
        <input
          name="other"
          placeholder="docker.io/library/alpine:3.20"
          required
          autocapitalize="none"
          spellcheck={false}
        />
      </label>
      <button type="submit">{words.compare}</button>
    </form>
  );
}
