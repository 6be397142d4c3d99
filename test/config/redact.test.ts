import { expect, it } from 'vitest';
import { redactedConfig, redactUrls } from '../../src/config/redact.ts';
import { load } from './config-file.ts';

it('shows a configuration without its secrets', async () => {
  const { config } = await load(`
version: 0.1
storage: inmemory
auth: {token: {realm: 'https://a.example/token?key=hunter2', service: s, issuer: i, jwksurl: 'https://a.example/keys?key=hunter2'}}
http: {secret: hunter2}
redis: {password: hunter2}
notifications: {endpoints: [{name: chat, url: 'https://hunter2@hooks.example/services/hunter2?key=hunter2'}]}
health: {http: [{uri: "http://me:hunter2@a.example/x?key=hunter2#hunter2", headers: {Authorization: [hunter2]}}]}
tracing: {endpoint: 'http://me:hunter2@collector.example/?key=hunter2', headers: {Authorization: [hunter2]}}
proxy:
  username: me
  password: hunter2
  upstreams:
    - remoteurl: https://ghcr.io
      httpproxy: http://me:hunter2@proxy.example:3128/?key=hunter2
      credentials: [{username: me, password: hunter2}, {file: /run/secrets/up}]
`);
  const text = JSON.stringify(redactedConfig(config));
  expect(text).not.toContain('hunter2');
  expect(JSON.parse(text)).toMatchObject({
    auth: { token: { realm: 'https://a.example/token?***', jwksUrl: 'https://a.example/keys?***' } },
    notifications: { endpoints: [{ url: 'https://***@hooks.example/***?***' }] },
    health: { http: [{ uri: 'http://***:***@a.example/x?***', headers: { Authorization: '***' } }] },
    tracing: { url: 'http://***:***@collector.example/?***', headers: { Authorization: '***' } },
    proxy: {
      upstreams: [
        {
          name: 'ghcr.io',
          credentials: [
            { kind: 'static', username: 'me', password: '***' },
            { kind: 'static', username: 'me', password: '***' },
            { kind: 'file', path: '/run/secrets/up' },
          ],
          httpProxy: 'http://***:***@proxy.example:3128/?***',
          tags: { rules: [{ match: String.raw`^v?\d+\.\d+\.\d+` }] },
        },
      ],
    },
  });
});

it.each([
  ['https://a.example/x', 'https://a.example/x'],
  ['redis://:p@ss@a.example:6379: refused', 'redis://***:***@a.example:6379: refused'],
  ['GET https://me@a.example/x?sig=1&y=2 failed (403)', 'GET https://***@a.example/x?*** failed (403)'],
  ['see #1, is it on?', 'see #1, is it on?'],
])('redacts URLs in a text: %s', (text, redacted) => expect(redactUrls(text)).toBe(redacted));
