import { describe, expect, it } from 'vitest';

import { redactedConfig } from '../../src/config/redact.ts';
import { load, problemsOf, warningsOf } from './config-file.ts';

const file = (options: string) => `version: 0.1\nstorage:\n  azure: {accountname: abc, container: c, ${options}}\n`;
const driverOf = async (options: string, env = {}) => (await load(file(options), env)).config.storage.driver;

describe('storage.azure', () => {
  it('has the defaults of distribution, with redirects', async () => {
    const { storage } = (await load(file('accountkey: a2V5'))).config;
    expect(storage.redirect).toBe(true);
    expect(storage.driver).toEqual({
      kind: 'azure',
      account: 'abc',
      container: 'c',
      credentials: { kind: 'shared_key', key: 'a2V5' },
      serviceUrl: 'https://abc.blob.core.windows.net',
      rootDirectory: '',
      hasLeadingSlash: false,
      blockBytes: 8 * 1024 * 1024,
    });
  });

  it.each([
    ['accountkey: a2V5, realm: core.chinacloudapi.cn', { serviceUrl: 'https://abc.blob.core.chinacloudapi.cn' }],
    ['accountkey: a2V5, serviceurl: "http://127.0.0.1:1/a", rootdirectory: /r', { serviceUrl: 'http://127.0.0.1:1/a' }],
    ['accountkey: a2V5, leadingslash: true', { hasLeadingSlash: true }],
    ['credentials: {type: shared_key}, accountkey: a2V5', { credentials: { kind: 'shared_key', key: 'a2V5' } }],
    [
      'credentials: {type: client_secret, clientid: i, tenantid: t, secret: s}',
      { credentials: { kind: 'client_secret', clientId: 'i', tenantId: 't', secret: 's' } },
    ],
  ])('honours {%s}', async (options, expected) => {
    expect(await driverOf(options)).toMatchObject(expected);
  });

  it("finds the default credentials like Azure's libraries", async () => {
    const identity = { AZURE_CLIENT_ID: 'i', AZURE_TENANT_ID: 't' };
    const options = 'credentials: {type: default_credentials}';
    expect(await driverOf(options, { ...identity, AZURE_CLIENT_SECRET: 's' })).toMatchObject({
      credentials: { kind: 'client_secret', clientId: 'i', tenantId: 't', secret: 's' },
    });
    expect(await driverOf(options, { ...identity, AZURE_FEDERATED_TOKEN_FILE: '/token' })).toMatchObject({
      credentials: { kind: 'workload_identity', tokenFile: '/token' },
    });
    expect(await driverOf('rootdirectory: r')).toMatchObject({ credentials: { kind: 'managed_identity' } });
  });

  it('shows no secrets, and warns about the option without effect', async () => {
    for (const options of [
      'accountkey: hidden00, connectionstring: x',
      'credentials: {type: client_secret, clientid: i, tenantid: t, secret: hidden}, connectionstring: x',
    ]) {
      expect(JSON.stringify(redactedConfig((await load(file(options))).config))).not.toContain('hidden');
      expect(await warningsOf(file(options))).toEqual([expect.stringContaining('use accountname and accountkey')]);
    }
  });

  it.each([
    ['credentials: {type: shared_key}', 'storage.azure.accountkey: is required with shared_key'],
    ['credentials: {type: client_secret, clientid: i, tenantid: t}', 'storage.azure.credentials.secret: is required'],
    ['accountkey: "notbase64!"', 'storage.azure.accountkey: must be base64'],
    ['accountkey: a2V5, serviceurl: host', 'storage.azure.serviceurl: must be an http or https URL'],
  ])('with {%s} is refused: %s', async (options, problem) => {
    expect(await problemsOf(file(options))).toEqual([expect.stringContaining(problem)]);
  });

  it.each(['Corp_Registry', 'ab', 'a'.repeat(25)])('is refused with the account name %s', async (name) => {
    const text = `version: 0.1\nstorage:\n  azure: {accountname: ${name}, container: c}\n`;
    expect(await problemsOf(text)).toEqual([
      'config.yml:3:24 storage.azure.accountname: must be 3 to 24 lower-case letters and digits, such as corpregistry',
    ]);
  });

  it('warns about keys of distribution that can be removed', async () => {
    expect(await warningsOf(file('max_retries: 3, retry_delay: 1s, skipverify: true'))).toEqual([
      expect.stringMatching(/max_retries: not honoured .*; remove the key$/),
      expect.stringMatching(/retry_delay: not honoured .*; remove the key$/),
      expect.stringMatching(/skipverify: not honoured .*certificates are always verified; remove the key$/),
    ]);
  });
});
