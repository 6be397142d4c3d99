import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { Notice, Loading, Page } from './view/frame.tsx';
import { Overview } from './pages/overview.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { path } from './state/place.ts';
import { session } from './state/session.ts';
import { texts } from './texts.ts';

interface Route {
  /** Its first segment. */
  readonly name: string;
  readonly load: () => Promise<ComponentType>;
}

/** Each is loaded when it is opened. */
const ROUTES: readonly Route[] = [
  { name: 'images', load: async () => (await import('./pages/images.tsx')).Images },
  { name: 'compare', load: async () => (await import('./pages/compare.tsx')).Compare },
  { name: 'fills', load: async () => (await import('./pages/fills.tsx')).Fills },
  { name: 'upstreams', load: async () => (await import('./pages/upstreams.tsx')).Upstreams },
  { name: 'clients', load: async () => (await import('./pages/clients.tsx')).Clients },
  { name: 'problems', load: async () => (await import('./pages/problems.tsx')).Problems },
  { name: 'storage', load: async () => (await import('./pages/storage.tsx')).Storage },
  { name: 'jobs', load: async () => (await import('./pages/jobs.tsx')).Jobs },
  { name: 'setup', load: async () => (await import('./pages/setup.tsx')).Setup },
  { name: 'settings', load: async () => (await import('./pages/settings.tsx')).Settings },
];

const loaded = new Map<string, ComponentType>();

/** The page at the path of the browser. */
export function CurrentPage(): JSX.Element {
  const [, segment = ''] = path.value.split('/');
  const isViewer = !session.value?.mayReadAll;
  const name = segment === '' && isViewer ? 'images' : segment;
  const route = ROUTES.find((each) => each.name === name);
  if (name === '') return <Overview />;
  if (name === 'sign-in') return <SignIn />;
  return route ? <LazyPage key={name} route={route} /> : <Page title={texts.notFound}>{null}</Page>;
}

function LazyPage({ route: { name, load } }: { route: Route }): JSX.Element {
  const [state, setState] = useState<ComponentType | 'loading' | 'failed'>(() => loaded.get(name) ?? 'loading');
  useEffect(() => {
    if (loaded.has(name)) return;
    load().then(
      (component) => {
        loaded.set(name, component);
        setState(() => component);
      },
      () => setState('failed'),
    );
  }, [name]);
  if (state === 'loading') return <Loading />;
  if (state === 'failed') return <Outdated />;
  const Component = state;
  return <Component />;
}

/** The server has another version than the one that this tab was opened with, or is not there. */
function Outdated(): JSX.Element {
  return (
    <Page title={texts.outdated}>
      <Notice tone="bad">
        <button type="button" onClick={() => location.reload()}>
          {texts.reload}
        </button>
      </Notice>
    </Page>
  );
}
