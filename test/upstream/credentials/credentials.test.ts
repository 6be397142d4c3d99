import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { runHelper } from '../../../src/upstream/credentials/credential-helper.ts';
import { createCredentialsSource, findCredentials } from '../../../src/upstream/credentials/credentials-chain.ts';
import { dockerConfigCredentials } from '../../../src/upstream/credentials/docker-config-credentials.ts';
import { execCredentials } from '../../../src/upstream/credentials/exec-credentials.ts';
import { fileCredentials } from '../../../src/upstream/credentials/file-credentials.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { pathWith, writeHelper } from '../support/fake-helper.ts';

const basic = (username: string, password: string) => ({ kind: 'basic', username, password });
const env = pathWith('/nonexistent');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const ECHO = `printf '{"Username":"%s","Secret":"s3cret"}' "$server"`;

describe('a password file', () => {
  it('is read again when it changes, also when it is replaced', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'password');
    await writeFile(path, 'first\n');
    const source = fileCredentials('jack', path);
    expect(await source.find('any')).toEqual(basic('jack', 'first'));
    await writeFile(path, 'second');
    expect(await source.find('any')).toEqual(basic('jack', 'second'));
    await writeFile(`${path}.new`, 'third!');
    await rename(`${path}.new`, path);
    expect(await source.find('any')).toEqual(basic('jack', 'third!'));
  });

  it('may hold the user name too', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'password');
    await writeFile(path, 'jack:pa:ss\r\n');
    expect(await fileCredentials(undefined, path).find('any')).toEqual(basic('jack', 'pa:ss'));
  });

  it('that is missing, empty or of another form is an error without its content', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'password');
    const source = fileCredentials(undefined, path);
    await expect(source.find('any')).rejects.toThrow(`cannot read ${path}: ENOENT`);
    await writeFile(path, '\n');
    await expect(source.find('any')).rejects.toThrow('is empty');
    await writeFile(path, 'justasecret');
    await expect(source.find('any')).rejects.toThrow(`${path} is not of the form username:password`);
  });
});

describe('a credential helper', () => {
  it('runs with `get`, and gets the host', async () => {
    await using directory = await temporaryDirectory();
    const body = `printf '{"ServerURL":"x","Username":"%s %s","Secret":"s"}' "$1" "$server"`;
    const command = await writeHelper(directory.path, 'helper', body);
    expect(await runHelper({ command, server: 'ghcr.io', env })).toEqual(basic('get ghcr.io', 's'));
  });

  it('may give an identity token', async () => {
    await using directory = await temporaryDirectory();
    const body = `echo '{"Username":"<token>","Secret":"refresh"}'`;
    const command = await writeHelper(directory.path, 'helper', body);
    expect(await runHelper({ command, server: 'x', env })).toEqual({ kind: 'identity-token', token: 'refresh' });
  });

  it('that has nothing for the host is not an error', async () => {
    await using directory = await temporaryDirectory();
    const body = 'echo "credentials not found in native keychain"; exit 1';
    const command = await writeHelper(directory.path, 'helper', body);
    expect(await runHelper({ command, server: 'x', env })).toBeUndefined();
  });

  it.each([
    ['fails', 'echo s3cret; echo s3cret >&2; exit 3', 'ended with exit code 3'],
    ['hangs', 'echo s3cret; exec sleep 60', 'did not respond in time'],
    ['floods', 'yes s3cret', 'wrote too much'],
    ['babbles', 'echo "{s3cret"', 'the helper printed no Username and Secret'],
    ['leaves out the user', `echo '{"Secret":"s3cret"}'`, 'the helper printed no Username and Secret'],
  ])('that %s is an error without its output', async (_, body, message) => {
    await using directory = await temporaryDirectory();
    const command = await writeHelper(directory.path, 'helper', body);
    const failure = await runHelper({ command, server: 'x', env, timeoutMs: 1_000 }).catch((err: unknown) => err);
    expect(failure).toMatchObject({ name: 'CredentialsError', message: expect.stringContaining(message) });
    expect(String((failure as Error).stack)).not.toContain('s3cret');
  });

  it('that does not exist, or does not read its input, is an error', async () => {
    await using directory = await temporaryDirectory();
    const missing = join(directory.path, 'missing');
    await expect(runHelper({ command: missing, server: 'x', env })).rejects.toThrow(`${missing} cannot be run: ENOENT`);
    await expect(runHelper({ command: '/bin/false', server: 'x', env })).rejects.toThrow('exit code 1');
  });
});

describe('exec credentials', () => {
  async function counting(directory: string) {
    const log = join(directory, 'log');
    const command = await writeHelper(directory, 'helper', `echo run >> '${log}'; ${ECHO}`);
    const runs = async () => (await readFile(log, 'utf8')).split('\n').length - 1;
    return { command, runs };
  }

  it.each([
    ['once for ever', undefined, 10 ** 12, 1],
    ['every time with a lifetime of 0', 0, 0, 2],
    ['again after its lifetime', 1_000, 1_000, 2],
    ['once within its lifetime', 1_000, 999, 1],
  ])('run the helper %s', async (_, lifetimeMs, passMs, expected) => {
    await using directory = await temporaryDirectory();
    const { command, runs } = await counting(directory.path);
    let now = 0;
    const source = execCredentials({ command, lifetimeMs, env, now: () => now });
    expect(await Promise.all([source.find('h'), source.find('h')])).toEqual([
      basic('h', 's3cret'),
      basic('h', 's3cret'),
    ]);
    expect(await runs()).toBe(1);
    now = passMs;
    await source.find('h');
    expect(await runs()).toBe(expected);
  });

  it('run it again after a failure', async () => {
    await using directory = await temporaryDirectory();
    const command = await writeHelper(directory.path, 'helper', 'exit 1');
    const source = execCredentials({ command, lifetimeMs: undefined, env, now: () => 0 });
    await expect(source.find('h')).rejects.toThrow('exit code 1');
    await writeHelper(directory.path, 'helper', ECHO);
    expect(await source.find('h')).toEqual(basic('h', 's3cret'));
  });
});

describe('a docker config', () => {
  async function source(directory: string, config: unknown) {
    const path = join(directory, 'config.json');
    await writeFile(path, JSON.stringify(config));
    return dockerConfigCredentials(path, { env: pathWith(directory), now: Date.now });
  }

  it.each(['ghcr.io', 'https://ghcr.io', 'https://ghcr.io/v2/', 'GHCR.io'])(
    'finds a host filed under %s',
    async (key) => {
      await using directory = await temporaryDirectory();
      const config = await source(directory.path, { auths: { [key]: { auth: base64('jack:pa:ss') } } });
      expect(await config.find('ghcr.io')).toEqual(basic('jack', 'pa:ss'));
      expect(await config.find('quay.io')).toBeUndefined();
      expect(await config.find('ghcr.io:5000')).toBeUndefined();
    },
  );

  it.each(['docker.io', 'registry-1.docker.io', 'index.docker.io'])('finds Docker Hub as %s', async (host) => {
    await using directory = await temporaryDirectory();
    const config = await source(directory.path, { auths: { 'https://index.docker.io/v1/': { auth: base64('a:b') } } });
    expect(await config.find(host)).toEqual(basic('a', 'b'));
  });

  it('knows user name and password in the clear, and identity tokens', async () => {
    await using directory = await temporaryDirectory();
    const config = await source(directory.path, {
      auths: {
        'a.example': { username: 'jack', password: 'pw' },
        'b.example': { auth: base64('<token>:'), identitytoken: 'refresh' },
        'c.example': {},
        'd.example': { auth: base64('no colon') },
      },
    });
    expect(await config.find('a.example')).toEqual(basic('jack', 'pw'));
    expect(await config.find('b.example')).toEqual({ kind: 'identity-token', token: 'refresh' });
    expect(await config.find('c.example')).toBeUndefined();
    expect(await config.find('d.example')).toBeUndefined();
  });

  it("prefers the host's own helper to the common store, and both to the file", async () => {
    await using directory = await temporaryDirectory();
    await writeHelper(directory.path, 'docker-credential-own', `printf '{"Username":"own %s","Secret":"1"}' "$server"`);
    const store = `case "$server" in quay.io|https*) printf '{"Username":"store %s","Secret":"2"}' "$server";; *) echo 'credentials not found'; exit 1;; esac`;
    await writeHelper(directory.path, 'docker-credential-store', store);
    const config = await source(directory.path, {
      auths: { 'gcr.io': { auth: base64('file:3') } },
      credHelpers: { 'ghcr.io': 'own' },
      credsStore: 'store',
    });
    expect(await config.find('ghcr.io')).toEqual(basic('own ghcr.io', '1'));
    expect(await config.find('quay.io')).toEqual(basic('store quay.io', '2'));
    expect(await config.find('registry-1.docker.io')).toEqual(basic('store https://index.docker.io/v1/', '2'));
    expect(await config.find('gcr.io')).toEqual(basic('file', '3'));
  });

  it('does not run a helper whose name is a path', async () => {
    await using directory = await temporaryDirectory();
    const config = await source(directory.path, { credHelpers: { 'ghcr.io': '../evil' }, credsStore: 'a/b' });
    expect(await config.find('ghcr.io')).toBeUndefined();
  });

  it('is read again when it changes, and is an error without its content when it is not JSON', async () => {
    await using directory = await temporaryDirectory();
    const config = await source(directory.path, { auths: { 'ghcr.io': { auth: base64('jack:one') } } });
    expect(await config.find('ghcr.io')).toEqual(basic('jack', 'one'));
    await source(directory.path, { auths: { 'ghcr.io': { auth: base64('jack:three') } } });
    expect(await config.find('ghcr.io')).toEqual(basic('jack', 'three'));
    await writeFile(join(directory.path, 'config.json'), '{s3cret');
    const failure = await config.find('ghcr.io').catch((err: unknown) => err);
    expect(failure).toMatchObject({ name: 'CredentialsError', message: expect.stringContaining('is not JSON') });
    expect(String(failure)).not.toContain('s3cret');
  });
});

describe('findCredentials', () => {
  it('skips a source that fails, and reports it', async () => {
    const options = { env, now: () => 0 };
    const sources = [
      createCredentialsSource({ kind: 'exec', command: '/bin/false', lifetimeMs: undefined }, options),
      createCredentialsSource({ kind: 'file', username: 'x', path: '/nonexistent/file' }, options),
      createCredentialsSource({ kind: 'static', username: 'jack', password: 'pw' }, options),
    ];
    const failures: string[] = [];
    const report = (source: string, reason: string) => failures.push(`${source}: ${reason}`);
    expect(await findCredentials(sources, 'h', report)).toEqual(basic('jack', 'pw'));
    expect(failures).toEqual([
      'exec: /bin/false ended with exit code 1',
      'file: cannot read /nonexistent/file: ENOENT',
    ]);
    expect(await findCredentials(sources.slice(0, 2), 'h', report)).toBeUndefined();
  });
});
