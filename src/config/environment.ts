import { type Foreigner, foreignerOf } from './foreign-variables.ts';
import type { Problem } from './problem.ts';
import type { Shape } from './shape.ts';
import { expandDriverNames, type MapNode } from './tree.ts';
import { isIndex } from './variable-names.ts';
import { problemOf, VariableError, VariableWalk } from './variable-walk.ts';

/** The process environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Path of the file; not part of the configuration. */
export const CONFIGURATION_PATH = 'REGISTRY_CONFIGURATION_PATH';

const PREFIX = 'REGISTRY_';

export interface AppliedEnvironment {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Expected, but worth a log line. */
  readonly notices: readonly Problem[];
}

/**
 * Overrides `root` by every `REGISTRY_*` variable, by the rules of distribution: the name is split at `_` and followed
 * field by field, a number is an index in a list (the list's length appends), and a variable is applied after those whose names
 * are the start of its name. A value is text or YAML, depending on its key. An unknown name is a warning.
 */
export function applyEnvironment(root: MapNode, env: Environment, shape: Shape): AppliedEnvironment {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const foreign: Record<Foreigner, string[]> = { kubernetes: [], podman: [] };
  for (const [variable, value = ''] of Object.entries(env).filter(isConfiguration).sort(compareNames)) {
    const foreigner = foreignerOf(variable, env, shape);
    if (foreigner !== undefined) {
      foreign[foreigner].push(variable);
      continue;
    }
    const walk = new VariableWalk(variable, value);
    try {
      walk.set(root, { shape, keys: [], names: variable.split('_').slice(1) });
      warnings.push(...walk.warnings);
    } catch (err) {
      if (!(err instanceof VariableError)) throw err;
      (err.isFatal ? problems : warnings).push(...err.problems);
    }
    expandDriverNames(root);
  }
  return { problems, warnings, notices: describeForeign(foreign) };
}

type Variable = readonly [name: string, value: string | undefined];

function isConfiguration([name, value]: Variable): boolean {
  return name.startsWith(PREFIX) && name !== CONFIGURATION_PATH && value !== undefined;
}

/** Part by part, numbers by value: `…_2_X` before `…_10_X`, so that ten entries can be appended. */
function compareNames([a]: Variable, [b]: Variable): number {
  const [left, right] = [a.split('_'), b.split('_')];
  for (const [i, part] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    if (part === other) continue;
    if (isIndex(part) && isIndex(other)) return Number(part) - Number(other);
    return part < other ? -1 : 1;
  }
  return left.length - right.length;
}

/** One line for all variables of Kubernetes: a namespace can have hundreds. */
function describeForeign({ kubernetes, podman }: Record<Foreigner, readonly string[]>): Problem[] {
  const more = kubernetes.length > 1 ? ` (and ${kubernetes.length - 1} more like it)` : '';
  return [
    ...kubernetes.slice(0, 1).map((name) => problemOf(name, `set by Kubernetes for a Service, ignored${more}`)),
    ...podman.map((name) => problemOf(name, 'set for podman, buildah and skopeo, ignored')),
  ];
}
