import type { JSX } from 'preact';

import { texts } from '../texts.ts';
import { visibleText, webAddress } from './visible-text.ts';

/** Text that an image, a client or an upstream has chosen. */
export function Foreign({ text, maxLength }: { text: string; maxLength?: number }): JSX.Element {
  return <bdi class="foreign">{visibleText(text, maxLength === undefined ? {} : { maxLength })}</bdi>;
}

/** The same on several lines. */
export function ForeignBlock({ text, maxLength }: { text: string; maxLength?: number }): JSX.Element {
  const options = { isMultiline: true, ...(maxLength !== undefined && { maxLength }) };
  return (
    <bdi class="foreign" dir="ltr">
      {visibleText(text, options)}
    </bdi>
  );
}

/** A link when the text is the address of a page; its host is shown. */
export function ForeignLink({ text }: { text: string }): JSX.Element {
  const url = webAddress(text);
  if (!url) return <Foreign text={text} />;
  return (
    <a href={url.href} target="_blank" rel="noreferrer noopener" title={texts.leadsTo(url.host)}>
      <Foreign text={text} />
    </a>
  );
}
