import { describe, expect, it } from 'vitest';

import { Decisions } from '../../src/access/decisions.ts';
import { UpstreamAccess } from '../../src/access/upstream-access.ts';
import { OCTET_STREAM } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';

const digest = digestOf(Buffer.from('layer'));
const blob = { digest, size: 5, mediaType: OCTET_STREAM, source: { bytes: Buffer.from('layer') } };

/** What other processes may serve of a repository that was public a second ago. */
function heldWith(visibility: 'probe' | 'public' | 'private') {
  const decisions = new Decisions();
  const decision = { isAllowed: true, decidedAt: 1_000, until: 60_000 };
  decisions.set({ repository: 'acme/app', subject: 'anonymous', decision });
  const policy = { visibility, takesTokens: false, allowMs: 60_000, publicMs: 60_000, lastMs: 0 };
  const access = new UpstreamAccess({
    ...{ name: 'up', policy, decisions, secret: 'secret', accounts: [] },
    // Nothing is read, checked or reported for a look-up in memory.
    ...{ registry: undefined as never, upstream: undefined as never, events: undefined as never },
    clock: { now: () => 2_000 },
  });
  return access.held({ manifest: () => undefined, blob: () => blob });
}

describe('content for other processes', () => {
  it('is that of public repositories, while the decision counts', () => {
    expect(heldWith('probe').blob('acme/app', digest)).toMatchObject({ digest, forMs: 58_000 });
    expect(heldWith('probe').blob('acme/other', digest)).toBeUndefined();
    expect(heldWith('public').blob('acme/other', digest)).toMatchObject({ digest });
  });

  it('is none when nothing is public, although a decision of another configuration was kept', () => {
    expect(heldWith('private').blob('acme/app', digest)).toBeUndefined();
  });
});
