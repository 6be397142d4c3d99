import { expect, it } from 'vitest';

import { requiredLevel } from '../../src/admin/required-level.ts';

it.each([
  ['GET', '/session', 'none'],
  ['POST', '/session', 'none'],
  ['DELETE', '/session', 'none'],
  ['GET', '/session/link', 'none'],
  ['POST', '/session/links', 'admin'],
  ['GET', '/repositories', 'viewer'],
  ['HEAD', '/repositories/docker.io/library/alpine/tags', 'viewer'],
  ['POST', '/repositories', 'admin'],
  ['GET', '/manifest', 'viewer'],
  ['GET', '/verify/abc', 'viewer'],
  ['GET', '/clients', 'reader'],
  ['GET', '/repositoriesX', 'reader'],
  ['GET', '/manifest/../clients', 'reader'],
  ['GET', '/sessions', 'reader'],
  ['PUT', '/manifest', 'admin'],
  ['OPTIONS', '/clients', 'admin'],
  [undefined, '/clients', 'admin'],
] as const)('%s %s is for %s', (method, path, level) => {
  expect(requiredLevel(method, path)).toBe(level);
});
