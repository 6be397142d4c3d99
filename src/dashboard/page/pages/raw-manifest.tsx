import type { JSX } from 'preact';

import type { ManifestView } from '../../../operations/manifest-control.ts';
import { hrefOf } from '../state/place.ts';
import { texts } from '../texts.ts';
import { CopyButton } from '../view/copy.tsx';
import { visibleText } from '../view/visible-text.ts';

const DIGEST = /(sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128}))/;
/** The server has cut it before. UTF-16 units. */
const MAX_LENGTH = 300_000;

/** The bytes of a manifest; digests of other manifests are links. */
export function RawManifest({ view: { repository, raw, platforms, subject } }: { view: ManifestView }): JSX.Element {
  const manifests = new Set<string>([
    ...platforms.filter(({ cached }) => cached).map(({ digest }) => digest),
    ...(subject ? [subject] : []),
  ]);
  const parts = visibleText(raw, { isMultiline: true, maxLength: MAX_LENGTH }).split(DIGEST);
  return (
    <div class="code">
      <pre tabIndex={0} role="group" aria-label={texts.image.tabs.raw}>
        <code>
          {parts.map((part, i) =>
            manifests.has(part) ? (
              <a key={i} href={hrefOf(`/images/${repository}@${part}`)}>
                {part}
              </a>
            ) : (
              part
            ),
          )}
        </code>
      </pre>
      <CopyButton text={raw} what={texts.image.tabs.raw} />
    </div>
  );
}
