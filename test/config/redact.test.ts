import { expect, it } from 'vitest';
import { redactedConfig } from '../../src/config/redact.ts';
import { load } from './config-file.ts';

it('shows a configuration without its secrets', async () => {
  const { config } = await load(`
version: 0.1
storage: inmemory
auth: {token: {realm: r, service: s, issuer: i, jwksurl: 'https://a.example/keys?key=hunter2'}}
http: {secret: hunter2}
redis: {password: hunter2}
health: {http: [{uri: "http://me:hunter2@a.example/", headers: {Authorization: [hunter2]}}]}
tracing: {endpoint: 'http://me:hunter2@collector.example/', headers: {Authorization: [hunter2]}}
proxy:
  username: me
  password: hunter2
  upstreams:
    - remoteurl: https://ghcr.io
      httpproxy: http://me:hunter2@proxy.example:3128
      credentials: [{username: me, password: hunter2}, {file: /run/secrets/up}]
`);
  const text = JSON.stringify(redactedConfig(config));
  expect(text).not.toContain('hunter2');
  expect(JSON.parse(text)).toMatchObject({
    auth: { token: { jwksUrl: 'https://a.example/keys?***' } },
    health: { http: [{ uri: 'http://***:***@a.example/', headers: { Authorization: '***' } }] },
    tracing: { url: 'http://***:***@collector.example/v1/traces', headers: { Authorization: '***' } },
    proxy: {
      upstreams: [
        {
          name: 'ghcr.io',
          credentials: [
            { kind: 'static', username: 'me', password: '***' },
            { kind: 'static', username: 'me', password: '***' },
            { kind: 'file', path: '/run/secrets/up' },
          ],
          httpProxy: 'http://***:***@proxy.example:3128/',
          tags: { rules: [{ match: String.raw`^v?\d+\.\d+\.\d+` }] },
        },
      ],
    },
  });
});
