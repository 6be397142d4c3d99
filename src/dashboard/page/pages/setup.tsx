import type { JSX } from 'preact';

import type { SetupView } from '../../../operations/setup-control.ts';
import { withQuery } from '../state/call.ts';
import { query, setQuery } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Code } from '../view/copy.tsx';
import { formText } from '../view/form-text.ts';
import { Foreign } from '../view/foreign.tsx';
import { Notice, Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Tabs } from '../view/tabs.tsx';
import { Verify } from './verify.tsx';

const words = texts.setup;

/** How clients are set up for this cache, and whether they use it. */
export function Setup(): JSX.Element {
  const { client, address, registries, enforce } = Object.fromEntries(query.value);
  const at = withQuery('/setup', { client, address, registries, enforce });
  const setup = useResource<SetupView>(at, { isStatic: true, isKept: true });
  return (
    <Page title={words.title} intro={words.intro}>
      <Loaded of={setup}>
        {(view) => (
          <>
            <Options view={view} />
            <Tabs
              label={words.clients}
              names={view.clients.map(({ name }) => name)}
              textOf={(name) => view.clients.find((each) => each.name === name)?.title ?? name}
              parameter="client"
            >
              {() => <Steps view={view} />}
            </Tabs>
            <Verify address={view.address} client={view.client} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Options({ view: { address } }: { view: SetupView }): JSX.Element {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => formText(form, name).trim();
    setQuery({ address: text('address'), registries: text('registries'), enforce: text('enforce') });
  };
  return (
    <form class="filters" onSubmit={submit} key={address}>
      <label>
        {words.address}
        <input name="address" type="url" defaultValue={address} required />
      </label>
      <label>
        {words.registries}
        <input
          name="registries"
          defaultValue={query.peek().get('registries') ?? ''}
          placeholder={words.everyRegistry}
        />
      </label>
      <label>
        <input name="enforce" type="checkbox" value="true" defaultChecked={query.peek().get('enforce') === 'true'} />
        {words.enforce}
      </label>
      <button type="submit">{words.apply}</button>
    </form>
  );
}

function Steps({ view: { title, texts: files, takesEffect, notes, enforcement } }: { view: SetupView }): JSX.Element {
  return (
    <Section title={title}>
      {files.map(({ title: file, text }) => (
        <div key={file}>
          <h3>
            <Foreign text={file} />
          </h3>
          <Code text={text} what={file} />
        </div>
      ))}
      <p>
        {words.takesEffect} {takesEffect}
      </p>
      {enforcement === undefined ? null : <Notice>{enforcement}</Notice>}
      {notes.length === 0 ? null : (
        <ul>
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </Section>
  );
}
