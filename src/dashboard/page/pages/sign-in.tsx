import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';

import { API_ROOT, go, hrefOf, path } from '../state/place.ts';
import { session, signIn, type SignInMethod } from '../state/session.ts';
import { texts } from '../texts.ts';
import { formText } from '../view/form-text.ts';
import { Foreign } from '../view/foreign.tsx';
import { Notice, Page } from '../view/frame.tsx';

const words = texts.signIn;

/** Shown to users who may not see anything, and at `/sign-in`. */
export function SignIn(): JSX.Element {
  const { signIn: methods = [], user, secure = true } = session.value ?? {};
  const has = (method: SignInMethod) => methods.includes(method);
  return (
    <Page title={words.title}>
      {user === undefined ? null : (
        <Notice tone="warning">
          {words.mayNot} <Foreign text={user} />
        </Notice>
      )}
      {secure ? null : <Notice tone="warning">{words.plain}</Notice>}
      {methods.length === 0 ? <Notice>{words.none}</Notice> : null}
      {has('oidc') ? (
        <p>
          <a class="button primary" href={`${API_ROOT}/session/oidc`}>
            {words.oidc}
          </a>
        </p>
      ) : null}
      {has('password') ? <PasswordForm /> : null}
      {has('token') ? <TokenForm /> : null}
    </Page>
  );
}

function PasswordForm(): JSX.Element {
  const { error, submit } = useSubmit((form) =>
    signIn({ user: formText(form, 'user'), password: formText(form, 'password') }),
  );
  return (
    <form class="sign-in" onSubmit={submit}>
      <label>
        {words.user}
        <input name="user" autocomplete="username" required autocapitalize="none" spellcheck={false} />
      </label>
      <label>
        {words.password}
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      <button type="submit" class="primary">
        {words.submit}
      </button>
      {error}
    </form>
  );
}

function TokenForm(): JSX.Element {
  const { error, submit } = useSubmit((form) => signIn({ token: formText(form, 'token') }));
  return (
    <form class="sign-in" onSubmit={submit}>
      <label>
        {words.token}
        <input name="token" type="password" autocomplete="off" required />
      </label>
      <button type="submit">{words.submitToken}</button>
      {error}
    </form>
  );
}

/** Sends a form by `send`; `error` is the reason of the last failure. */
function useSubmit(send: (form: FormData) => Promise<void>) {
  const reason = useSignal<string | undefined>(undefined);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    reason.value = undefined;
    send(new FormData(event.currentTarget as HTMLFormElement)).then(
      () => path.peek() === '/sign-in' && go(hrefOf('/')),
      (error: Error) => (reason.value = error.message),
    );
  };
  const error =
    reason.value === undefined ? null : (
      <p role="alert" class="bad">
        <Foreign text={reason.value} />
      </p>
    );
  return { error, submit };
}
