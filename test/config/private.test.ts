import { describe, expect, it } from 'vitest';

import { load, MINIMAL, problemsOf } from './config-file.ts';

const withUpstream = (keys: string, more = '') =>
  `${MINIMAL}${more}proxy:\n  upstreams:\n    - remoteurl: https://a.example\n      ${keys}\n`;

async function accessOf(keys: string) {
  return (await load(withUpstream(keys))).config.proxy?.upstreams[0]?.access;
}

const FORWARD =
  'proxy.upstreams[0].private.access: forward needs http.tls, or http.addr on loopback: clients send their tokens of the upstream';

const problems = async (keys: string) =>
  (await problemsOf(withUpstream(keys))).map((problem) => problem.replace(/^config\.yml:\d+:\d+ /, ''));

describe('private repositories of an upstream', () => {
  it('are for every client by default', async () => {
    expect(await accessOf('name: a.example')).toBeUndefined();
    expect(await accessOf('private: {access: open, ttl: 1m}')).toBeUndefined();
  });

  it('have defaults for groups', async () => {
    expect(await accessOf('private: {access: groups}')).toEqual({
      takesTokens: false,
      visibility: 'probe',
      allowMs: 300_000,
      publicMs: 86_400_000,
      lastMs: 604_800_000,
    });
    expect(await accessOf('private: {access: [groups], unreachable: deny}')).toMatchObject({ lastMs: 0 });
  });

  it.each([
    ['http: {addr: ":5000"}\n', [FORWARD]],
    ['http: {addr: "0.0.0.0:5000"}\n', [FORWARD]],
    ['http: {addr: ":5000", tls: {letsencrypt: {}}}\n', [FORWARD]],
    ['http: {addr: "127.0.0.1:5000"}\n', []],
    ['http: {addr: "[::1]:5000"}\n', []],
    ['http: {addr: /run/layover.sock, net: unix}\n', []],
    ['http: {addr: ":5000", tls: {certificate: c.pem, key: k.pem}}\n', []],
  ])('take tokens of clients over a safe connection only: %s', async (http, expected) => {
    const found = await problemsOf(withUpstream('private: {access: [groups, forward]}', http));
    expect(found.map((problem) => problem.replace(/^config\.yml:\d+:\d+ /, ''))).toEqual(expected);
  });

  it.each([
    [
      'private: {access: [open, groups]}',
      'proxy.upstreams[0].private.access: open excludes the others (remove it, or them)',
    ],
    ['private: {access: none}', 'proxy.upstreams[0].private.access[0]: must be open, groups or forward'],
    [
      'private: {access: groups, ttl: 0s}',
      'proxy.upstreams[0].private.ttl: must be a duration such as 30s, 10m or 168h, and longer than 0',
    ],
    [
      'credentials: [{username: u, password: p, groups: [g]}]',
      'proxy.upstreams[0].credentials[0].groups: needs private.access: groups',
    ],
    [
      'credentials: [{anonymous: true, groups: [g]}]\n      private: {access: groups}',
      'proxy.upstreams[0].credentials[0]: has groups and no credentials (remove one of anonymous and groups)',
    ],
  ])('refuse %s', async (keys, problem) => {
    expect(await problems(keys)).toEqual([problem]);
  });
});
