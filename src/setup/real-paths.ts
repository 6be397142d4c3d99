import type { SetupClient } from './plan.ts';
import { SetupError } from './setup-error.ts';

/** Reports problems of a client's files with their paths on this machine, which are those below the root. */
export function withRealPaths(client: SetupClient, root: string): SetupClient {
  return {
    ...client,
    plan(request, read) {
      const plan = reporting(root, () => client.plan(request, read));
      const changes = plan.changes.map((change) => ({
        ...change,
        merge: (existing: string | undefined) => reporting(root, () => change.merge(existing)),
      }));
      return { ...plan, changes };
    },
  };
}

function reporting<T>(root: string, work: () => T): T {
  try {
    return work();
  } catch (err) {
    if (!(err instanceof SetupError) || !err.message.startsWith('/')) throw err;
    throw new SetupError(`${root.replace(/\/+$/, '')}${err.message}`);
  }
}
