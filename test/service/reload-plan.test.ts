import { expect, it } from 'vitest';

import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { planReload } from '../../src/service/reload-plan.ts';

async function configOf(env: Readonly<Record<string, string>>): Promise<Config> {
  return (await loadConfig({ env: { REGISTRY_PROXY_REMOTEURL: 'https://registry.example', ...env } })).config;
}

it('takes over http and auth, and names the keys that need a restart', async () => {
  const current = await configOf({});
  const next = await configOf({
    REGISTRY_HTTP_ADDR: ':6000',
    REGISTRY_HTTP_HOST: 'https://registry.example.com',
    REGISTRY_HTTP_LIMITS_MAXCONNECTIONS: '5',
    REGISTRY_HTTP_LIMITS_STALLTIMEOUT: '7s',
    REGISTRY_AUTH_SILLY_REALM: 'r',
    REGISTRY_AUTH_SILLY_SERVICE: 's',
    REGISTRY_LOG_LEVEL: 'debug',
    REGISTRY_PROXY_TTL: '3h',
  });
  const { config, restart } = planReload(current, next);
  expect(restart).toEqual(['http.addr', 'http.limits.maxconnections', 'log', 'proxy']);
  const expected = {
    ...current,
    auth: next.auth,
    http: { ...current.http, host: 'https://registry.example.com', limits: { ...current.http.limits, stallMs: 7_000 } },
  };
  expect(config).toEqual(expected);
});

it('needs no restart for the same configuration', async () => {
  const [current, next] = [await configOf({}), await configOf({})];
  expect(planReload(current, next)).toEqual({ config: current, restart: [] });
});
