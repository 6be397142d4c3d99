/**
 * Actions on something, as scopes and tokens have it: `repository:team/app:pull,push`.
 *
 * @see https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/scope.md
 */
export interface Access {
  /** `repository`, or `registry` for the catalog. */
  readonly type: string;
  /** Of a repository, such as `plugin`; undefined or empty: images. */
  readonly class?: string | undefined;
  readonly name: string;
  readonly actions: readonly string[];
}

export const CATALOG: Access = { type: 'registry', name: 'catalog', actions: ['*'] };

export function formatScope(accesses: readonly Access[]): string {
  return accesses
    .map(({ type, class: kind, name, actions }) => `${type}${kind ? `(${kind})` : ''}:${name}:${actions.join()}`)
    .join(' ');
}

/** Names can have a port, and so colons; types and actions cannot. */
const SCOPE = /^([a-z0-9]+)(?:\(([a-z0-9]+)\))?:(.+):([A-Za-z*,]*)$/;

/** @returns undefined for what is no scope */
export function parseScope(text: string): Access | undefined {
  const [, type, kind, name, actions] = SCOPE.exec(text) ?? [];
  if (type === undefined || name === undefined) return undefined;
  return { type, class: kind, name, actions: actions?.split(',').filter(Boolean) ?? [] };
}

/** Whether `grants` have everything of `asked`; the action `*` is all actions. */
export function covers(grants: readonly Access[], asked: Access): boolean {
  return asked.actions.every((action) => grants.some((grant) => isSame(grant, asked) && has(grant, action)));
}

function isSame(grant: Access, asked: Access): boolean {
  return grant.type === asked.type && grant.name === asked.name;
}

function has({ actions }: Access, action: string): boolean {
  return actions.includes(action) || actions.includes('*');
}
