import { describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../src/config/config.ts';
import { load, MINIMAL, problemsOf } from './config-file.ts';

async function proxyOf(yaml: string): Promise<ProxyConfig | undefined> {
  return (await load(`${MINIMAL}proxy: ${yaml}\n`)).config.proxy;
}

/** Problems of a proxy section on the file's third line, without file and line. */
async function proxyProblems(yaml: string): Promise<string[]> {
  return (await problemsOf(`${MINIMAL}proxy: ${yaml}\n`)).map((problem) => problem.replace('config.yml:3:', ''));
}

describe('credentials of an upstream', () => {
  it('accepts one or several token servers that may get credentials', async () => {
    const entry = (realm: string) => `{exec: helper, realm: ${realm}}`;
    const proxy = await proxyOf(
      `{upstreams: [{remoteurl: "https://a.example", credentials: [${entry('auth.example')}, ${entry('[a.b, "c.d:8443"]')}]}]}`,
    );
    expect(proxy?.upstreams[0]?.credentials.map(({ realms }) => realms)).toEqual([
      ['auth.example'],
      ['a.b', 'c.d:8443'],
    ]);
  });

  it.each([
    ['{username: u}', 'must have one of username and password, file, dockerconfig, exec, or anonymous'],
    ['{password: p}', 'has a password and no username'],
    ['{file: f, exec: e}', 'must have one of username and password, file, dockerconfig, exec, or anonymous'],
    ['{username: u, dockerconfig: d}', 'cannot have a username with dockerconfig, which provides one'],
    ['{username: u, exec: e}', 'cannot have a username with exec, which provides one'],
    ['{anonymous: true, username: u}', 'cannot have a username with anonymous, which provides none'],
    ['{anonymous: false, file: f}', 'must not have anonymous: false; leave the key out'],
    ['{file: f, lifetime: 1h}', 'has a lifetime, which only exec can have'],
  ])('refuses the credentials %s', async (entry, problem) => {
    expect(await proxyProblems(`{upstreams: [{remoteurl: "https://a.example", credentials: [${entry}]}]}`)).toEqual([
      `68 proxy.upstreams[0].credentials[0]: ${problem}`,
    ]);
  });
});
