import { expect, it } from 'vitest';

import { Decisions } from '../../src/access/decisions.ts';
import { UpstreamAccess } from '../../src/access/upstream-access.ts';
import type { AccessResult } from '../../src/upstream/upstream.ts';

it('a check that began before its decision was forgotten is neither kept nor joined', async () => {
  const checks: ((result: AccessResult) => void)[] = [];
  const decisions = new Decisions();
  const access = new UpstreamAccess({
    ...{ name: 'up', decisions, secret: 'secret', accounts: [], registry: undefined as never },
    policy: { visibility: 'probe', takesTokens: false, allowMs: 60_000, publicMs: 60_000, lastMs: 0 },
    upstream: {
      checkAccess: () => new Promise((resolve) => checks.push(resolve)),
      findChallenge: () => Promise.resolve(undefined),
    },
    events: { accessDecided() {}, accessChecked() {}, accessHeldOver() {}, decisionsNotKept() {} },
    clock: { now: () => 1_000 },
  });
  const caller = { name: 'alice', groups: [], authorization: undefined };
  const decide = () => access.decide('acme/app', caller, { kind: 'tags' });
  const before = decide();
  await access.forget(() => true);
  const after = decide();
  await expect.poll(() => checks.length).toBe(2);
  checks[0]?.('granted');
  expect(await before).toBe(true);
  expect(decisions.all()).toEqual([]);
  checks[1]?.('refused');
  expect(await after).toBe(false);
});
