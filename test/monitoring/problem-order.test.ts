import { expect, it } from 'vitest';

import { inProblemOrder } from '../../src/monitoring/problem-order.ts';
import { PROBLEMS, type ProblemCause } from '../../src/operations/problem-catalogue.ts';

const TIME = new Date(0).toISOString();
const problem = (cause: ProblemCause, subject: string) => ({
  cause,
  subject,
  ...PROBLEMS[cause],
  count: 1,
  firstAt: TIME,
  lastAt: TIME,
});

it('severe problems come first, then the latest of each cause, then the others', () => {
  const noise = [1, 2, 3].map((i) => problem('unknown-registry', `h${i}`));
  const denied = problem('not-allowed', 'app');
  const network = problem('network', 'docker.io');
  const breaker = problem('breaker-open', 'docker.io');
  const ordered = inProblemOrder([denied, ...noise, network, breaker]);
  expect(ordered.map(({ cause, subject }) => `${cause} ${subject}`)).toEqual([
    'breaker-open docker.io',
    'unknown-registry h1',
    'network docker.io',
    'unknown-registry h2',
    'unknown-registry h3',
    'not-allowed app',
  ]);
});

it.each([
  'unknown-registry',
  'not-allowed',
  'denied',
  'denied-by-policy',
  'unauthorized',
  'login-failed',
  'pings-never-pulls',
] as const)('a problem that any client can cause is not an error, from which the verdict comes: %s', (cause) => {
  expect(PROBLEMS[cause].severity).not.toBe('error');
});
