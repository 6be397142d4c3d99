import { describe, expect, it } from 'vitest';

import { Seal } from '../../src/sign-in/seal.ts';

const NOW = 1_000_000;
const MINUTE = 60_000;
const seal = (purpose = 'session', secrets: readonly [string, ...string[]] = ['secret']) =>
  new Seal(async () => secrets, purpose);
const content = { user: 'alice' };
const sealed = () => seal().seal(content, { proof: 'hash of the password', until: NOW + MINUTE });

describe('sealed text', () => {
  it('opens at every process with the secret, also after another one has become the first', async () => {
    const text = await sealed();
    for (const opener of [seal(), seal('session', ['new', 'secret'])]) {
      expect((await opener.open(text, NOW))?.content).toEqual(content);
    }
    expect(text).toMatch(/^[\w-]+\.[\w-]+$/);
  });

  it('is proved by the same proof only', async () => {
    const opened = await seal().open(await sealed(), NOW);
    expect([opened?.isFor('hash of the password'), opened?.isFor('another hash')]).toEqual([true, false]);
    expect(await sealed()).not.toContain(Buffer.from('hash of').toString('base64url'));
  });

  it('does not open with another secret, for another purpose, or when it has expired', async () => {
    const text = await sealed();
    expect(await seal('session', ['other']).open(text, NOW)).toBeUndefined();
    expect(await seal('oidc').open(text, NOW)).toBeUndefined();
    expect(await seal().open(text, NOW + MINUTE)).toBeUndefined();
    expect(await seal().open(text, NOW + MINUTE - 1)).toBeDefined();
  });

  it('does not open when anything in it was changed', async () => {
    const text = await sealed();
    const [body = '', mac = ''] = text.split('.');
    const forged = Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(body, 'base64url').toString()), content: { user: 'root' } }),
    ).toString('base64url');
    const changed = Array.from({ length: text.length }, (_, i) => text.slice(0, i) + '~' + text.slice(i + 1));
    const odd = ['', '.', `${body}.`, `.${mac}`, `${body}.${mac}.`, `${text}.x`, `${forged}.${mac}`, 'x'.repeat(5000)];
    for (const one of [...changed, ...odd]) expect([one, await seal().open(one, NOW)]).toEqual([one, undefined]);
  });
});
