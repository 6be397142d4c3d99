import { type Access, CATALOG } from '../../auth/access.ts';
import type { OciRequest, OciRequestKind } from '../../oci/request.ts';

const PULL = ['pull'] as const;
const PUSH = ['pull', 'push'] as const;
const DELETE = ['delete'] as const;

/** Like distribution, except that pushing is enough to cancel an upload. `none`: any known caller. */
const ACTIONS: Readonly<Record<OciRequestKind, readonly ('pull' | 'push' | 'delete')[] | 'none' | 'catalog'>> = {
  ping: 'none',
  'list-methods': 'none',
  'list-repositories': 'catalog',
  'list-tags': PULL,
  'get-manifest': PULL,
  'head-manifest': PULL,
  'get-blob': PULL,
  'head-blob': PULL,
  'list-referrers': PULL,
  'get-upload': PULL,
  'start-upload': PUSH,
  'append-upload': PUSH,
  'finish-upload': PUSH,
  'cancel-upload': PUSH,
  'put-manifest': PUSH,
  'delete-manifest': DELETE,
  'delete-blob': DELETE,
};

export type Needed =
  | { readonly kind: 'known' }
  | { readonly kind: 'catalog' }
  | {
      readonly kind: 'repository';
      readonly repository: string;
      readonly actions: readonly ('pull' | 'push' | 'delete')[];
      /** A repository to mount from: part of the challenge, but the upload continues without it. */
      readonly from: string | undefined;
    };

/** The access that a request needs. */
export function neededBy(request: OciRequest): Needed {
  const actions = ACTIONS[request.kind];
  if (actions === 'catalog') return { kind: 'catalog' };
  if (actions === 'none' || !('repository' in request)) return { kind: 'known' };
  const from = request.kind === 'start-upload' ? request.from : undefined;
  return { kind: 'repository', repository: request.repository, actions, from };
}

/** @param nameOf name in scopes of a repository name in the request */
export function accessesOf(needed: Needed, nameOf: (repository: string) => string): Access[] {
  if (needed.kind === 'known') return [];
  if (needed.kind === 'catalog') return [CATALOG];
  const { repository, actions, from } = needed;
  const main = { type: 'repository', name: nameOf(repository), actions };
  if (from === undefined || from === repository) return [main];
  return [main, { type: 'repository', name: nameOf(from), actions: PULL }];
}
