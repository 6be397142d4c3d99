import type { JSX } from 'preact';

import type { ManifestView } from '../../../operations/manifest-control.ts';
import { hrefOf } from '../state/place.ts';
import { texts } from '../texts.ts';
import { formatBytes } from '../view/format.ts';
import { Foreign, ForeignLink } from '../view/foreign.tsx';
import { Section } from '../view/frame.tsx';
import { CopyButton } from '../view/copy.tsx';
import { Facts } from '../view/values.tsx';

const words = texts.image;

export function ImageOverview({ view }: { view: ManifestView }): JSX.Element {
  const { repository, digest, mediaType, artifactType, subject, size, rawSize, config, annotations } = view;
  const platform = config && [config.os, config.architecture, config.variant].filter(Boolean).join('/');
  return (
    <>
      <Facts
        of={[
          [
            words.digest,
            <span key="digest">
              <a href={hrefOf(`/images/${repository}@${digest}`)}>
                <code>{digest}</code>
              </a>{' '}
              <CopyButton text={digest} what={words.digest} />
            </span>,
          ],
          [words.mediaType, <Foreign key="type" text={mediaType} />],
          [words.artifactType, artifactType === undefined ? undefined : <Foreign key="artifact" text={artifactType} />],
          [words.platform, platform ? <Foreign key="platform" text={platform} /> : undefined],
          [words.created, config?.created === undefined ? undefined : <Foreign key="created" text={config.created} />],
          [words.stored, formatBytes(size)],
          [words.manifestSize, formatBytes(rawSize)],
          [
            words.subject,
            subject === undefined ? undefined : <DigestLink key="subject" repository={repository} digest={subject} />,
          ],
        ]}
      />
      <Pairs title={words.annotations} of={annotations} />
      {config ? <Pairs title={words.labels} of={config.labels} /> : null}
    </>
  );
}

export function DigestLink({ repository, digest }: { repository: string; digest: string }): JSX.Element {
  return (
    <a href={hrefOf(`/images/${repository}@${digest}`)}>
      <code>{digest}</code>
    </a>
  );
}

/** Names and texts from an image; nothing without any. */
export function Pairs({ title, of }: { title: string; of: Readonly<Record<string, string>> }): JSX.Element | null {
  const entries = Object.entries(of);
  if (entries.length === 0) return null;
  return (
    <Section title={title}>
      <dl class="facts wide">
        {entries.map(([name, text]) => (
          <div key={name}>
            <dt>
              <Foreign text={name} maxLength={200} />
            </dt>
            <dd>
              <ForeignLink text={text} />
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
