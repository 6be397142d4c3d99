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

describe('proxy.warm', () => {
  it('reports times, names and lists that it cannot use', async () => {
    const jobs = '[{name: a, images: [x], at: "25:00"}, {name: a, at: "0 3 * * 1-5"}, {name: "b c", from: list}]';
    const found = await proxyProblems(`{remoteurl: "https://registry-1.docker.io", warm: ${jobs}}`);
    const problems = found.map((line) => line.replace(/^\d+ /, ''));
    expect(problems).toContain(
      'proxy.warm[0].at: must be a time such as 03:00, or a cron expression such as 0 3 * * 1-5',
    );
    expect(problems).toContain('proxy.warm[1]: needs either popular, or images, or a list in from');
    expect(problems).toContain('proxy.warm[2].name: must be a name such as ci-images');
  });
});
