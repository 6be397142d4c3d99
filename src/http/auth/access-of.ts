import { type Access, CATALOG } from '../../auth/access.ts';
import type { OciRequest, OciRequestKind } from '../../oci/request.ts';

const PULL = ['pull'] as const;
const PUSH = ['pull', 'push'] as const;
const DELETE = ['delete'] as const;

/** As distribution; but an upload is cancelled by whoever may push. `none`: to be known is enough. */
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
      /** A repository to mount from: asked for, but the upload goes on without it. */
      readonly from: string | undefined;
    };

/** What a request takes to be answered. */
export function neededBy(request: OciRequest): Needed {
  const actions = ACTIONS[request.kind];
  if (actions === 'catalog') return { kind: 'catalog' };
  if (actions === 'none' || !('repository' in request)) return { kind: 'known' };
  const from = request.kind === 'start-upload' ? request.from : undefined;
  return { kind: 'repository', repository: request.repository, actions, from };
}

/** @param nameOf the name in scopes of a repository, as the client wrote it */
export function accessesOf(needed: Needed, nameOf: (repository: string) => string): Access[] {
  if (needed.kind === 'known') return [];
  if (needed.kind === 'catalog') return [CATALOG];
  const { repository, actions, from } = needed;
  const main = { type: 'repository', name: nameOf(repository), actions };
  if (from === undefined || from === repository) return [main];
  return [main, { type: 'repository', name: nameOf(from), actions: PULL }];
}
