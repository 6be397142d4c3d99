import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';

import { CurrentPage } from './routes.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { hrefOf, path } from './state/place.ts';
import { isPaused } from './state/refresher.ts';
import { session, sessionError, signOut } from './state/session.ts';
import { theme, THEMES, type Theme } from './state/theme.ts';
import { texts } from './texts.ts';
import { Announcer } from './view/announce.tsx';
import { Foreign } from './view/foreign.tsx';
import { Loading, Notice } from './view/frame.tsx';
import { KeyHelp, toggleKeyHelp } from './view/keys.tsx';

/** Pages in the menu, and whether they show clients, upstreams or settings. */
const PAGES = [
  ['', true],
  ['images', false],
  ['fills', true],
  ['upstreams', true],
  ['clients', true],
  ['problems', true],
  ['storage', true],
  ['jobs', true],
  ['setup', false],
  ['settings', true],
] as const;

export function Shell(): JSX.Element {
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        {texts.skip}
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <Main />
      </main>
      <KeyHelp />
      <Announcer />
    </>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.querySelector('main')?.focus();
}

function Main(): JSX.Element {
  const known = session.value;
  if (known) return known.mayRead ? <CurrentPage /> : <SignIn />;
  if (!sessionError.value) return <Loading />;
  return (
    <Notice tone="bad">
      <p role="alert">
        <Foreign text={sessionError.value.message} />
      </p>
    </Notice>
  );
}

function Header(): JSX.Element {
  const isOpen = useSignal(false);
  return (
    <header>
      <a class="brand" href={hrefOf('/')}>
        {texts.name}
      </a>
      <button
        type="button"
        class="menu-button"
        aria-expanded={isOpen.value}
        aria-controls="menu"
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        {texts.menu}
      </button>
      <div id="menu" class={isOpen.value ? 'menu open' : 'menu'}>
        {session.value ? <Menu onChosen={() => (isOpen.value = false)} /> : null}
        <Controls />
      </div>
    </header>
  );
}

function Menu({ onChosen }: { onChosen: () => void }): JSX.Element {
  const [, current = ''] = path.value.split('/');
  const mayReadAll = session.value?.mayReadAll ?? false;
  return (
    <nav aria-label={texts.pages}>
      <ul>
        {PAGES.filter(([, hasAll]) => mayReadAll || !hasAll).map(([name]) => (
          <li key={name}>
            <a href={hrefOf(`/${name}`)} aria-current={name === current ? 'page' : undefined} onClick={onChosen}>
              {texts.menuNames[name]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Controls(): JSX.Element {
  return (
    <div class="header-controls">
      <button type="button" aria-pressed={isPaused.value} onClick={() => (isPaused.value = !isPaused.value)}>
        {texts.pause}
      </button>
      <button type="button" onClick={toggleKeyHelp}>
        {texts.keys.open}
      </button>
      <select
        aria-label={texts.theme}
        value={theme.value}
        onChange={(event) => (theme.value = event.currentTarget.value as Theme)}
      >
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {texts.themes[name]}
          </option>
        ))}
      </select>
      <User />
    </div>
  );
}

function User(): JSX.Element | null {
  const known = session.value;
  if (!known) return null;
  const { user, canSignOut, isAdmin, signIn } = known;
  return (
    <>
      {user === undefined ? null : <Foreign text={user} maxLength={40} />}
      {canSignOut ? (
        <button type="button" onClick={() => void signOut()}>
          {texts.signOut}
        </button>
      ) : null}
      {!canSignOut && !isAdmin && signIn.length > 0 ? <a href={hrefOf('/sign-in')}>{texts.signIn.title}</a> : null}
    </>
  );
}
