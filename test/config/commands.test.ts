import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkConfig, printConfigSchema } from '../../src/commands/config.ts';
import { configSchema } from '../../src/config/schema/schema.ts';
import { type Shape, shapeOf } from '../../src/config/shape.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { configFile, MINIMAL } from './config-file.ts';

class Screen {
  text = '';
  write(text: string): void {
    this.text += text;
  }
}

async function check(text: string, env = {}) {
  await using file = await configFile(text);
  const screen = new Screen();
  const exitCode = await checkConfig(file.path, env, { out: screen });
  return { exitCode, text: screen.text.replaceAll(file.path, 'config.yml') };
}

describe('config check', () => {
  it('prints a summary of a valid file, with its warnings', async () => {
    await using pem = await configFile('');
    const { exitCode, text } = await check(
      `${MINIMAL}http: {addr: "[::1]:5000", debug: {addr: ":5001"}, tls: {certificate: ${pem.path}, key: ${pem.path}}}
redis: {addrs: ["a:1"]}
proxy: {upstreams: [{remoteurl: "https://ghcr.io", mirrors: ["https://m.example"]}], offline: true}
`,
      { REGISTRY_HTP_ADDR: ':1' },
    );
    expect(text).toBe(`OK: config.yml
  listens on      [::1]:5000 (https)
  debug on        :5001
  stores in       memory (lost when the process ends)
  shared through  Redis at a:1
  pulls from      ghcr.io (https://ghcr.io, after https://m.example), the default
  offline         upstreams are never contacted
  pushes          off (list repositories in proxy.hosted to accept them)
  authentication  off (anyone who can connect has access)
warning: REGISTRY_HTP_ADDR: unknown variable, ignored; did you mean REGISTRY_HTTP_ADDR?
`);
    expect(exitCode).toBe(0);
  });

  it('reports that there are no upstreams', async () => {
    const { text } = await check(`${MINIMAL}http: {net: unix, addr: /run/layover.sock}\n`);
    expect(text).toBe(`OK: config.yml
  listens on      /run/layover.sock
  stores in       memory (lost when the process ends)
  upstreams       none (registry only)
  pushes          to any repository
  authentication  off (anyone who can connect has access)
`);
  });

  it.each([
    ['false', 'to team/*, ghcr.io (passthrough)'],
    ['true', 'to ghcr.io (passthrough)'],
  ])('reports pushes that are passed to an upstream, with readonly: %s', async (readOnly, pushes) => {
    const { text } = await check(
      `version: 0.1
storage: {inmemory: {}, maintenance: {readonly: {enabled: ${readOnly}}}}
proxy: {hosted: ["team/*"], upstreams: [{remoteurl: "https://ghcr.io", push: passthrough}]}
`,
    );
    expect(text).toContain(`  pushes          ${pushes}\n`);
  });

  it('lists the problems of an invalid file, and exits with 1', async () => {
    const { exitCode, text } = await check(`${MINIMAL}htpp: {}\ntags: {maxtags: no}\n`);
    expect(text).toBe(`config.yml:3:1 htpp: unknown key "htpp", did you mean "http"?
config.yml:4:17 tags.maxtags: must be a whole number from 0 to 2147483647
`);
    expect(exitCode).toBe(1);
  });

  it('prints JSON for programs: the configuration without secrets, or the problems', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'config.yml');
    const run = async (text: string) => {
      await writeFile(path, text);
      const { code, stdout } = await runLayover(['config', 'check', '--json', path]);
      expect(stdout).not.toContain('hunter2');
      return { code, ...JSON.parse(stdout) };
    };
    expect(await run(`${MINIMAL}redis: {addr: "localhost:6379", password: hunter2}\n`)).toMatchObject({
      code: 0,
      valid: true,
      source: path,
      config: { redis: { password: '***' }, http: { listen: { port: 5000 } } },
    });
    expect(await run(`${MINIMAL}htpp: {}\n`)).toMatchObject({
      code: 1,
      valid: false,
      problems: [expect.stringContaining('did you mean "http"?')],
    });
  });

  it.each(['docker.io', 'hub.docker.com', 'www.docker.com/'])(
    'names the address of Docker Hub instead of its web site %s',
    async (site) => {
      const { exitCode, text } = await check(`${MINIMAL}proxy: {remoteurl: "https://${site}"}\n`);
      expect(text).toMatch(
        /proxy\.remoteurl: .* is a web site; use https:\/\/registry-1\.docker\.io for Docker Hub\n$/,
      );
      expect(exitCode).toBe(1);
    },
  );

  it('reports every file that cannot be read, with its key and path', async () => {
    const { exitCode, text } = await check(`${MINIMAL}http: {tls: {certificate: /none/cert.pem, key: /}}
admin: {tokenfile: /none/token}
proxy:
  upstreams:
    - remoteurl: https://ghcr.io
      tls: {ca: /none/ca.pem}
      credentials: [{file: /none/password}, {dockerconfig: /none/config.json}]
  checks: [{name: site, lock: /none/lock.yaml}]
  warm: [{name: list, from: /none/images.txt}, {name: lists, from: /}]
`);
    const absent = 'the file does not exist (change the path, or provide the file)';
    expect(text.split('\n')).toEqual([
      `config.yml:3:27 http.tls.certificate: cannot read /none/cert.pem: ${absent}`,
      'config.yml:3:48 http.tls.key: cannot read /: it is a directory (change the path, or provide the file)',
      `config.yml:4:20 admin.tokenfile: cannot read /none/token: ${absent}`,
      `config.yml:8:17 proxy.upstreams[0].tls.ca: cannot read /none/ca.pem: ${absent}`,
      `config.yml:9:28 proxy.upstreams[0].credentials[0].file: cannot read /none/password: ${absent}`,
      `config.yml:9:60 proxy.upstreams[0].credentials[1].dockerconfig: cannot read /none/config.json: ${absent}`,
      `config.yml:10:31 proxy.checks[0].lock: cannot read /none/lock.yaml: ${absent}`,
      `config.yml:11:29 proxy.warm[0].from: cannot read /none/images.txt: ${absent}`,
      '',
    ]);
    expect(exitCode).toBe(1);
  });

  it('reports files that do not have the expected content, and no part of a key', async () => {
    await using directory = await temporaryDirectory();
    const at = (name: string) => join(directory.path, name);
    const damaged = '-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n';
    await Promise.all([
      writeFile(at('ca.pem'), 'no certificate'),
      writeFile(at('damaged.pem'), damaged),
      writeFile(at('denied.txt'), 'docker.io/evil/*\nnot a digest\n'),
      writeFile(at('key.txt'), 'hidden-thing'),
      writeFile(at('key.json'), '{"type": "external_account"}'),
    ]);
    const checkWith = (keyfile: string) =>
      check(`version: 0.1
storage: {gcs: {bucket: b, keyfile: ${at(keyfile)}}}
policy: {deny: {file: ${at('denied.txt')}}}
proxy:
  upstreams:
    - {remoteurl: "https://ghcr.io", tls: {ca: ${at('ca.pem')}}}
    - {remoteurl: "https://quay.io", tls: {ca: ${at('damaged.pem')}}}
`);
    const { exitCode, text } = await checkWith('key.txt');
    expect(exitCode).toBe(1);
    expect(
      text
        .replaceAll(`${directory.path}/`, '')
        .replaceAll(/^config\.yml:[\d:]+ /gm, '')
        .split('\n'),
    ).toEqual([
      'storage.gcs.keyfile: cannot use key.txt: is not JSON (use the key file of a service account)',
      expect.stringContaining('policy.deny.file: cannot use denied.txt: line 2: must be a digest'),
      'proxy.upstreams[0].tls.ca: cannot use ca.pem: it has no certificate in PEM format',
      'proxy.upstreams[1].tls.ca: cannot use damaged.pem: certificate 1 in it is damaged',
      '',
    ]);
    expect((await checkWith('key.json')).text).toContain('credentials of type "external_account" are not supported');
  });

  it('names the variable of a missing file, and does not repeat a private key in its place', async () => {
    const { text } = await check(MINIMAL, {
      REGISTRY_HTTP_TLS_CERTIFICATE: '/none/cert.pem',
      REGISTRY_HTTP_TLS_KEY: '-----BEGIN PRIVATE KEY-----\nhidden-thing\n',
    });
    expect(text).toContain('REGISTRY_HTTP_TLS_CERTIFICATE http.tls.certificate: cannot read /none/cert.pem: ');
    expect(text).toContain('REGISTRY_HTTP_TLS_KEY http.tls.key: cannot read the file: ');
    expect(text).not.toContain('hidden-thing');
  });

  it('ignores the files of disabled entries', async () => {
    const endpoint = '{url: "https://a.example", disabled: true, tls: {ca: /none/ca.pem}}';
    const { exitCode } = await check(`${MINIMAL}notifications: {endpoints: [${endpoint}]}\n`);
    expect(exitCode).toBe(0);
  });

  it('checks the built-in default without a file', async () => {
    const screen = new Screen();
    expect(await checkConfig(undefined, {}, { out: screen })).toBe(0);
    expect(screen.text).toContain('OK: built-in default\n');
  });
});

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

function schema(): JsonSchema {
  const screen = new Screen();
  printConfigSchema(screen);
  return JSON.parse(screen.text) as JsonSchema;
}

/** Keys that only the JSON schema or only the checks know. */
function differences(json: JsonSchema | undefined, shape: Shape, path: string): string[] {
  const mapping = json?.anyOf?.at(-1) ?? json;
  if (mapping === undefined) return [`${path}: missing`];
  if (shape.kind === 'list') return differences(mapping.items, shape.item, `${path}[]`);
  if (shape.kind !== 'object') return [];
  const keys = Object.keys(mapping.properties ?? {});
  const isOpen = mapping.additionalProperties !== false;
  return [
    ...(isOpen ? [`${path}: takes any key`] : []),
    ...keys.filter((key) => !shape.keys.has(key)).map((key) => `${path}.${key}: unknown`),
    ...[...shape.keys].flatMap(([key, child]) => differences(mapping.properties?.[key], child, `${path}.${key}`)),
  ];
}

describe('config schema', () => {
  it('is a JSON schema of draft 7 with the same keys as the checks', () => {
    expect(schema()).toMatchObject({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      required: ['version', 'storage'],
      properties: { version: { type: 'number', const: 0.1 } },
    });
    expect(differences(schema(), shapeOf(configSchema), '')).toEqual([]);
  });

  it('describes values as they are written, not as they are used', () => {
    const { http, proxy, storage, log } = schema().properties ?? {};
    expect(http?.properties?.['draintimeout']?.type).toEqual(['string', 'integer']);
    expect(http?.properties?.['relativeurls']?.type).toBe('boolean');
    expect(http?.properties?.['headers']?.additionalProperties).toMatchObject({ type: 'array' });
    expect(storage?.anyOf?.[0]).toEqual({
      type: 'string',
      enum: ['filesystem', 'inmemory', 's3', 's3aws', 'gcs', 'azure', 'oss', 'rados'],
    });
    expect(log?.properties?.['level']).toMatchObject({ enum: ['error', 'warn', 'info', 'debug'] });
    const upstream = proxy?.properties?.['upstreams']?.items;
    expect(upstream?.required).toEqual(['remoteurl']);
    expect(upstream?.properties?.['credentials']?.items?.type).toBe('object');
  });

  it('has defaults as they are written in a file', () => {
    const { http, proxy, log, auth } = schema().properties ?? {};
    expect(http?.properties?.['limits']?.properties?.['headertimeout']?.default).toBe('60s');
    expect(http?.properties?.['limits']?.properties?.['maxconnections']?.default).toBe(10_000);
    expect(proxy?.properties?.['offline']?.default).toBe(false);
    expect(auth?.properties?.['anonymous']?.properties?.['actions']?.default).toEqual(['pull']);
    expect(log).not.toHaveProperty('default');
    expect(http?.properties?.['secret']?.description).toMatch(/ Default: random at startup\.$/);
  });

  it('describes every honoured key', () => {
    const silent = (json: JsonSchema, path: string): string[] =>
      Object.entries(json.properties ?? {}).flatMap(([key, value]) => [
        ...(value.description ? [] : [`${path}.${key}`]),
        ...silent(value.items ?? value, `${path}.${key}`),
      ]);
    const { http, proxy } = schema().properties ?? {};
    expect(silent(proxy ?? {}, 'proxy')).toEqual([]);
    expect(silent(http ?? {}, 'http')).toEqual([]);
  });

  it('has a key for everything in the default file', async () => {
    const text = await readFile(new URL('../../config/default.yml', import.meta.url), 'utf8');
    const known = schema().properties ?? {};
    expect(Object.keys(parse(text) as object).filter((key) => !(key in known))).toEqual([]);
  });
});
