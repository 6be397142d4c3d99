import type { Problem } from './problem.ts';
import { findNearest, type Shape } from './shape.ts';
import { type ConfigNode, emptyMap, expandDriverNames, isNullNode, type ListNode, type MapNode } from './tree.ts';
import { parseYamlVariable } from './yaml.ts';

/** The process environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Says where the file is; no part of the configuration. */
export const CONFIGURATION_PATH = 'REGISTRY_CONFIGURATION_PATH';

const PREFIX = 'REGISTRY_';

/** Distribution walks the names of its Go fields; these differ from the key in the file. Lists have no part in the path. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  'notifications.events': 'EVENTCONFIG',
  'health.file': 'FILECHECKERS',
  'health.http': 'HTTPCHECKERS',
  'health.tcp': 'TCPCHECKERS',
  'log.hooks.options': 'MAILOPTIONS',
};

/** Go maps there: any name makes a key, in lower case, and the schema tells whether there is such a driver. */
const MAPS = new Set(['storage', 'auth']);

export interface AppliedEnvironment {
  readonly warnings: readonly Problem[];
  readonly problems: readonly Problem[];
}

/**
 * Overrides `root` by every `REGISTRY_*` variable, by the rules of distribution: the name is split at `_` and walked
 * field by field, a number is the index in a list (the list's length appends), a value is YAML, and a variable comes
 * after those whose name it continues. A name that leads nowhere is only worth a warning.
 */
export function applyEnvironment(root: MapNode, env: Environment, shape: Shape): AppliedEnvironment {
  const warnings: Problem[] = [];
  const problems: Problem[] = [];
  for (const [variable, text = ''] of Object.entries(env).filter(isConfiguration).sort(compareNames)) {
    const parsed = parseYamlVariable(text, variable);
    problems.push(...parsed.problems);
    const walk = new Walk(variable, parsed.root);
    try {
      if (parsed.problems.length === 0) walk.set(root, { shape, keys: [], names: variable.split('_').slice(1) });
    } catch (err) {
      if (!(err instanceof NoSuchPlaceError)) throw err;
      (err.isFatal ? problems : warnings).push({ origin: { variable }, path: [], message: err.message });
    }
    expandDriverNames(root);
  }
  return { warnings, problems };
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

function isIndex(part: string): boolean {
  return /^\d+$/.test(part);
}

class NoSuchPlaceError extends Error {
  override readonly name = 'NoSuchPlaceError';
  readonly isFatal: boolean;

  constructor(message: string, isFatal: boolean) {
    super(message);
    this.isFatal = isFatal;
  }
}

interface Step {
  readonly shape: Shape;
  /** Keys of the file that led here, without indexes. */
  readonly keys: readonly string[];
  /** Parts of the variable's name that are left. */
  readonly names: readonly string[];
}

/** The way of one variable to its place. */
class Walk {
  readonly #variable: string;
  readonly #value: ConfigNode;

  constructor(variable: string, value: ConfigNode) {
    this.#variable = variable;
    this.#value = value;
  }

  /**
   * @returns what belongs at the place of `node`: the node itself, changed, or a new one
   * @throws {NoSuchPlaceError}
   */
  set(node: ConfigNode | undefined, step: Step): ConfigNode {
    if (step.names.length === 0) return this.#value;
    if (step.shape.kind === 'scalar') throw this.#unknown(step, []);
    const isList = step.shape.kind === 'list' || (step.shape.kind === 'any' && node?.kind === 'list');
    const container = node !== undefined && !isNullNode(node) ? node : this.#empty(isList);
    // A container of the wrong kind comes from the file, and the schema reports it there.
    if (isList && container.kind === 'list') this.#setItem(container, step);
    if (!isList && container.kind === 'map') this.#setMember(container, step);
    return container;
  }

  #empty(isList: boolean): ListNode | MapNode {
    const origin = { variable: this.#variable };
    return isList ? { kind: 'list', items: [], origin } : emptyMap(origin);
  }

  #setItem(list: ListNode, { shape, keys, names: [index = '', ...names] }: Step): void {
    const { length } = list.items;
    if (!isIndex(index))
      throw new NoSuchPlaceError(`"${index}" must be the index of an entry, from 0 to ${length}`, true);
    if (Number(index) > length) {
      throw new NoSuchPlaceError(
        `there is no entry ${index}: the list has ${length}, and the next one is ${length}`,
        true,
      );
    }
    const item = shape.kind === 'list' ? shape.item : shape;
    list.items[Number(index)] = this.set(list.items[Number(index)], { shape: item, keys, names });
  }

  #setMember(map: MapNode, step: Step): void {
    const { shape, keys, names } = step;
    const [name = '', ...rest] = names;
    const key = this.#findKey(map, step, name);
    const child = shape.kind === 'object' ? shape.keys.get(key) : shape.kind === 'map' ? shape.value : undefined;
    const entry = map.entries.get(key);
    const next = { shape: child ?? { kind: 'any' as const }, keys: [...keys, key], names: rest };
    const value = this.set(entry?.value, next);
    const keyOrigin = entry === undefined || rest.length === 0 ? { variable: this.#variable } : entry.keyOrigin;
    map.entries.set(key, { keyOrigin, value });
  }

  #findKey(map: MapNode, step: Step, name: string): string {
    const { shape, keys } = step;
    if (shape.kind === 'object' && !MAPS.has(keys[0] ?? '')) {
      const known = [...shape.keys.keys()].find((key) => fieldName(keys, key) === name);
      if (known === undefined)
        throw this.#unknown(
          step,
          [...shape.keys.keys()].map((key) => fieldName(keys, key)),
        );
      return known;
    }
    const upper = name.toUpperCase();
    return [...map.entries.keys()].find((key) => key.toUpperCase() === upper) ?? name.toLowerCase();
  }

  #unknown({ names }: Step, candidates: readonly string[]): NoSuchPlaceError {
    const [name = '', ...rest] = names;
    const walked = this.#variable.split('_').slice(0, -names.length);
    const nearest = findNearest(name, candidates);
    // Below a value that has no parts, the variable without the surplus is what there is.
    const meant = nearest === undefined ? walked : [...walked, nearest, ...rest];
    return new NoSuchPlaceError(`unknown variable, ignored; did you mean ${meant.join('_')}?`, false);
  }
}

function fieldName(keys: readonly string[], key: string): string {
  return FIELD_NAMES[[...keys, key].join('.')] ?? key.toUpperCase();
}
