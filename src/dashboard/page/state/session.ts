import { signal } from '@preact/signals';

import { call, whenDenied } from './call.ts';
import { reconnect } from './server-events.ts';

/** Who uses the dashboard, and what they may do. */
export interface Session {
  /** Absent without one. */
  readonly user?: string;
  /** May change things, and see clients and settings. */
  readonly isAdmin: boolean;
  /** May see stored content. */
  readonly mayRead: boolean;
  /** How they can sign in. */
  readonly signIn: readonly SignInMethod[];
  /** The connection has TLS. */
  readonly secure: boolean;
  readonly version?: string;
}

export type SignInMethod = 'password' | 'token' | 'oidc';

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
