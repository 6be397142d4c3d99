import { signal } from '@preact/signals';

import type { SessionView } from '../../../admin/session-routes.ts';
import { call, whenDenied } from './call.ts';
import { reconnect } from './server-events.ts';

export type Session = SessionView;
export type SignInMethod = Session['signIn'][number];

/** Absent until it is known. */
export const session = signal<Session | undefined>(undefined);
export const sessionError = signal<Error | undefined>(undefined);

export async function loadSession(): Promise<void> {
  try {
    session.value = await call<Session>('/session');
    sessionError.value = undefined;
  } catch (error) {
    sessionError.value = error as Error;
  }
}

export async function signIn(credentials: { user: string; password: string } | { token: string }): Promise<void> {
  await call('/session', { method: 'POST', body: credentials });
  await loadSession();
  reconnect();
}

export async function signOut(): Promise<void> {
  await call('/session', { method: 'DELETE' });
  await loadSession();
  reconnect();
}

/** A session that has ended: its user has to sign in again. */
export function followSession(): void {
  let isReloading = false;
  whenDenied(() => {
    if (isReloading || session.peek()?.user === undefined) return;
    isReloading = true;
    void loadSession().finally(() => (isReloading = false));
  });
}
