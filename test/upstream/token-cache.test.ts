import { describe, expect, it } from 'vitest';

import { type BearerChallenge, type IssuedToken, TokenCache } from '../../src/upstream/token-cache.ts';

const challenge: BearerChallenge = {
  realm: new URL('https://auth.example/token'),
  service: 'registry',
  scope: 'repository:a:pull',
};

function setUp(issue?: (n: number) => Promise<IssuedToken>) {
  const clock = { now: 0 };
  let issued = 0;
  const tokens = new TokenCache({
    now: () => clock.now,
    issue: () => {
      issued += 1;
      return issue?.(issued) ?? Promise.resolve({ value: `token ${issued}`, lifetimeMs: 100_000 });
    },
  });
  return { tokens, clock, count: () => issued };
}

describe('TokenCache', () => {
  it('fetches one token for concurrent callers', async () => {
    const { tokens, count } = setUp();
    const all = await Promise.all(Array.from({ length: 50 }, () => tokens.get(challenge)));
    expect(new Set(all)).toEqual(new Set(['token 1']));
    expect(count()).toBe(1);
  });

  it('keeps tokens of other scopes apart', async () => {
    const { tokens } = setUp();
    expect(await tokens.get(challenge)).toBe('token 1');
    expect(await tokens.get({ ...challenge, scope: 'repository:b:pull' })).toBe('token 2');
    expect(await tokens.get({ ...challenge, service: undefined })).toBe('token 3');
  });

  it('renews in the background at four fifths of its life, while the old one is still used', async () => {
    const { tokens, clock, count } = setUp();
    await tokens.get(challenge);
    clock.now = 79_999;
    expect(await tokens.get(challenge)).toBe('token 1');
    expect(count()).toBe(1);
    clock.now = 80_000;
    expect(await tokens.get(challenge)).toBe('token 1');
    expect(await tokens.get(challenge)).toBe('token 2');
    expect(count()).toBe(2);
  });

  it('uses the old one while renewal fails, and fails only at its end', async () => {
    const { tokens, clock } = setUp((n) =>
      n === 1 ? Promise.resolve({ value: 'token 1', lifetimeMs: 100_000 }) : Promise.reject(new Error('down')),
    );
    await tokens.get(challenge);
    clock.now = 99_999;
    expect(await tokens.get(challenge)).toBe('token 1');
    clock.now = 100_000;
    await expect(tokens.get(challenge)).rejects.toThrow('down');
  });

  it('does not remember a failure', async () => {
    const { tokens } = setUp((n) =>
      n === 1 ? Promise.reject(new Error('down')) : Promise.resolve({ value: 'ok', lifetimeMs: 1_000 }),
    );
    await expect(tokens.get(challenge)).rejects.toThrow('down');
    expect(await tokens.get(challenge)).toBe('ok');
  });

  it('forgets a refused token, but not the one that replaced it', async () => {
    const { tokens, count } = setUp();
    await tokens.get(challenge);
    tokens.forget(challenge, 'token 1');
    expect(await tokens.get(challenge)).toBe('token 2');
    tokens.forget(challenge, 'token 1');
    expect(await tokens.get(challenge)).toBe('token 2');
    expect(count()).toBe(2);
  });
});
