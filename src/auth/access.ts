/**
 * Actions on a repository or the catalog, in the form of scopes and tokens: `repository:team/app:pull,push`.
 *
 * @see https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/scope.md
 */
export interface Access {
  /** `repository`, or `registry` for the catalog. */
  readonly type: string;
  /** Class of the repository, such as `plugin`. Absent or empty for images. */
  readonly class?: string | undefined;
  readonly name: string;
  readonly actions: readonly string[];
}

export const CATALOG: Access = { type: 'registry', name: 'catalog', actions: ['*'] };

/** The admin API and the dashboard. */
export const ADMIN: Access = { type: 'registry', name: 'admin', actions: ['*'] };

export function formatScope(accesses: readonly Access[]): string {
  return accesses
    .map(({ type, class: kind, name, actions }) => `${type}${kind ? `(${kind})` : ''}:${name}:${actions.join()}`)
    .join(' ');
}

/** Names may contain a port, and so colons; types and actions do not. */
const SCOPE = /^([a-z0-9]+)(?:\(([a-z0-9]+)\))?:(.+):([A-Za-z*,]*)$/;

/** @returns undefined for text that is not a scope */
export function parseScope(text: string): Access | undefined {
  const [, type, kind, name, actions] = SCOPE.exec(text) ?? [];
  if (type === undefined || name === undefined) return undefined;
  return { type, class: kind, name, actions: actions?.split(',').filter(Boolean) ?? [] };
}

/** Whether `grants` contain every action of `required`; the action `*` stands for all of them. */
export function covers(grants: readonly Access[], required: Access): boolean {
  return required.actions.every((action) => grants.some((grant) => isSame(grant, required) && has(grant, action)));
}

function isSame(a: Access, b: Access): boolean {
  return a.type === b.type && a.name === b.name;
}

function has({ actions }: Access, action: string): boolean {
  return actions.includes(action) || actions.includes('*');
}
