import { describe, expect, it } from 'vitest';

import { isLoginLocked, isThrottlingMessage, retryAfterInMessageMs } from '../../src/upstream/throttling-message.ts';
import { connect, failureOf } from './support/connect.ts';
import { LATEST } from './support/samples.ts';
import { sendError, startScripted } from './support/scripted-server.ts';

const SECONDARY = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';
const COMMUNITY = 'retry-after: 880.092µs, allowed: 44000/minute';
const LOCKED = 'too many failed login attempts for username or IP address';

describe('a 403 that is throttling', () => {
  it.each([
    [SECONDARY, {}],
    ['Forbidden', { 'retry-after': '60' }],
  ])('is not a denial: %s', async (message, headers) => {
    await using registry = await startScripted((req, res) => {
      for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
      if (req.method === 'HEAD') res.writeHead(403).end();
      else sendError(res, 403, 'DENIED', message);
    });
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.resolveManifest('a', LATEST));
    expect({ kind: error.kind, status: error.options.status }).toEqual({ kind: 'throttled', status: 403 });
  });

  it('without such a message is a denial', async () => {
    await using registry = await startScripted((_req, res) => sendError(res, 403, 'DENIED', 'access denied'));
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.resolveManifest('a', LATEST))).kind).toBe('denied');
  });
});

it('a 429 with its wait in the message is retried after that wait', async () => {
  await using registry = await startScripted((_req, res) => sendError(res, 429, 'TOOMANYREQUESTS', COMMUNITY));
  await using up = connect(registry.url);
  const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
  expect(error.options.retryAfterMs).toBe(1);
  expect(registry.seen).toHaveLength(3);
});

it.each([
  [COMMUNITY, 1],
  ['Retry-After: 30', 30_000],
  ['retry-after: 1m30.5s', 90_500],
  ['retry-after: 250ms', 250],
  ['retry-after: soon', undefined],
  ['slow down', undefined],
  ['retry-after: 99999999999999999999', undefined],
])('%s means %s ms', (message, ms) => {
  expect(retryAfterInMessageMs(message)).toBe(ms);
});

it.each([
  [SECONDARY, true, false],
  [LOCKED, true, true],
  ['toomanyrequests: too many requests', true, false],
  ['access forbidden', false, false],
])('%s is throttling: %s; a lock-out of the login: %s', (message, throttling, locked) => {
  expect([isThrottlingMessage(message), isLoginLocked(message)]).toEqual([throttling, locked]);
});
