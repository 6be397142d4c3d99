import type { JSX } from 'preact';

import type { ManifestView } from '../../../operations/manifest-control.ts';
import { manifestPath } from '../state/paths.ts';
import { hrefOf } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { session } from '../state/session.ts';
import { texts } from '../texts.ts';
import { Foreign } from '../view/foreign.tsx';
import { Notice, Page } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Tabs } from '../view/tabs.tsx';
import { CompareForm } from './compare-form.tsx';
import { ImageConfigView, ImageHistory } from './image-config.tsx';
import { ImageOverview } from './image-overview.tsx';
import { Layers, Platforms, UsedBy } from './image-parts.tsx';
import { LayerFiles } from './layer-files.tsx';
import { PullCommands } from './pull-commands.tsx';
import { RawManifest } from './raw-manifest.tsx';
import { Referrers } from './referrers.tsx';
import { TagHistory } from './tag-history.tsx';

const words = texts.image;

interface ImageProps {
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
  readonly isTag: boolean;
}

/** One manifest with everything that is known about it. */
export function Image({ repository, reference, isTag }: ImageProps): JSX.Element {
  const manifest = useResource<ManifestView>(manifestPath(repository, reference), { isStatic: !isTag });
  const name = `${repository}${isTag ? ':' : '@'}${reference}`;
  return (
    <Page
      title={name}
      heading={
        <>
          <a href={hrefOf(`/images/${repository}`)}>
            <Foreign text={repository} />
          </a>
          {isTag ? ':' : '@'}
          <Foreign text={reference} />
        </>
      }
    >
      <Loaded of={manifest}>{(view) => <ManifestTabs view={view} reference={reference} isTag={isTag} />}</Loaded>
    </Page>
  );
}

const TABS = [
  'overview',
  'platforms',
  'layers',
  'files',
  'config',
  'history',
  'referrers',
  'usedBy',
  'tagHistory',
  'raw',
] as const;
type Tab = (typeof TABS)[number];

interface ManifestTabsProps {
  readonly view: ManifestView;
  readonly reference: string;
  readonly isTag: boolean;
}

function ManifestTabs({ view, reference, isTag }: ManifestTabsProps): JSX.Element {
  return (
    <>
      {view.flaw === undefined ? null : (
        <Notice tone="warning">
          {words.flaw} <Foreign text={view.flaw} />
        </Notice>
      )}
      {view.truncated ? <Notice>{words.truncated}</Notice> : null}
      <Tabs label={words.parts} names={tabsOf(view, isTag)} textOf={(tab) => words.tabs[tab]}>
        {(tab) => <TabContent tab={tab} view={view} reference={reference} />}
      </Tabs>
    </>
  );
}

function tabsOf({ structure, config }: ManifestView, isTag: boolean): readonly Tab[] {
  const isIndex = structure === 'index';
  const hidden = new Set<Tab>([
    ...(isIndex ? (['layers', 'files', 'usedBy'] as const) : (['platforms'] as const)),
    ...(config ? [] : (['config', 'history'] as const)),
    ...(isTag && session.value?.mayReadAll ? [] : (['tagHistory'] as const)),
  ]);
  return TABS.filter((tab) => !hidden.has(tab));
}

function TabContent({ tab, view, reference }: { tab: Tab; view: ManifestView; reference: string }): JSX.Element | null {
  const { repository, digest, config } = view;
  switch (tab) {
    case 'overview':
      return (
        <>
          <ImageOverview view={view} />
          <PullCommands repository={repository} reference={reference} />
          <CompareForm image={`${repository}@${digest}`} />
        </>
      );
    case 'platforms':
      return <Platforms view={view} />;
    case 'layers':
      return <Layers view={view} />;
    case 'files':
      return <LayerFiles view={view} />;
    case 'config':
      return config ? <ImageConfigView config={config} /> : null;
    case 'history':
      return config ? <ImageHistory config={config} /> : null;
    case 'referrers':
      return <Referrers repository={repository} digest={digest} />;
    case 'usedBy':
      return <UsedBy view={view} />;
    case 'tagHistory':
      return <TagHistory repository={repository} tag={reference} />;
    case 'raw':
      return <RawManifest view={view} />;
  }
}
