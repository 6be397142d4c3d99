import type { Problem } from './problem.ts';
import { findNearest, type Shape } from './shape.ts';
import { type ConfigNode, emptyMap, isNullNode, type ListNode, type MapNode } from './tree.ts';
import { isIndex, isSameMapKey, keyNamed, namesOf, splitMapName } from './variable-names.ts';
import { keepsQuotes, readVariable } from './variable-value.ts';

/** Go maps: any name makes a key, in lower case, and the schema reports unknown drivers. */
const MAPS = new Set(['storage', 'auth']);

/** Sections that keep clients out. A variable that is empty by mistake must not remove them. */
const GUARDS = ['auth', 'http.tls'];

export function problemOf(variable: string, message: string): Problem {
  return { origin: { variable }, path: [], message };
}

/** A variable that cannot be applied. */
export class VariableError extends Error {
  override readonly name = 'VariableError';
  readonly problems: readonly Problem[];
  readonly isFatal: boolean;

  constructor(problems: readonly Problem[], isFatal: boolean) {
    super(problems.map(({ message }) => message).join('; '));
    this.problems = problems;
    this.isFatal = isFatal;
  }
}

interface Step {
  readonly shape: Shape;
  /** Keys of the file that led here, without indexes. */
  readonly keys: readonly string[];
  /** Remaining parts of the variable's name. */
  readonly names: readonly string[];
}

/** Follows the name of one variable through the configuration. */
export class VariableWalk {
  readonly warnings: Problem[] = [];
  readonly #variable: string;
  readonly #value: string;

  constructor(variable: string, value: string) {
    this.#variable = variable;
    this.#value = value;
  }

  /**
   * @returns the node that replaces `node`: itself, changed, or a new one
   * @throws {VariableError}
   */
  set(node: ConfigNode | undefined, step: Step): ConfigNode {
    if (step.names.length === 0) return this.#read(step);
    if (step.shape.kind === 'scalar') throw this.#unknown(step, []);
    const isList = step.shape.kind === 'list' || (step.shape.kind === 'any' && node?.kind === 'list');
    const container = node !== undefined && !isNullNode(node) ? node : this.#empty(isList);
    // A container of the wrong kind comes from the file, and the schema reports it there.
    if (isList && container.kind === 'list') this.#setItem(container, step);
    if (!isList && container.kind === 'map') this.#setMember(container, step);
    return container;
  }

  #read({ shape, keys }: Step): ConfigNode {
    const isGuard = GUARDS.some((guard) => keys.join('.').startsWith(guard));
    if (isGuard && shape.kind !== 'scalar' && this.#value.trim() === '') {
      throw this.#refused(
        'is empty, which would turn access control off (unset the variable, or set it to null to do that)',
      );
    }
    const { root, problems } = readVariable(this.#value, this.#variable, shape);
    if (problems.length > 0) throw new VariableError(problems, true);
    if (shape.kind === 'scalar' && shape.reads === 'secret' && keepsQuotes(this.#value)) {
      const message = 'its quotes are part of the value, because YAML needs none here (remove them if they are not)';
      this.warnings.push(problemOf(this.#variable, message));
    }
    return root;
  }

  #empty(isList: boolean): ListNode | MapNode {
    const origin = { variable: this.#variable };
    return isList ? { kind: 'list', items: [], origin } : emptyMap(origin);
  }

  #setItem(list: ListNode, { shape, keys, names: [index = '', ...names] }: Step): void {
    const { length } = list.items;
    if (!isIndex(index)) throw this.#refused(`"${index}" must be the index of an entry, from 0 to ${length}`);
    if (Number(index) > length) {
      throw this.#refused(
        `there is no entry ${index}: the list has ${length} entries (use index ${length} to append one)`,
      );
    }
    const item = shape.kind === 'list' ? shape.item : shape;
    list.items[Number(index)] = this.set(list.items[Number(index)], { shape: item, keys, names });
  }

  #setMember(map: MapNode, step: Step): void {
    const { shape, keys } = step;
    const { key, rest } = this.#findKey(map, step);
    const child = shape.kind === 'object' ? shape.keys.get(key) : shape.kind === 'map' ? shape.value : undefined;
    const entry = map.entries.get(key);
    const next = { shape: child ?? { kind: 'any' as const }, keys: [...keys, key], names: rest };
    const value = this.set(entry?.value, next);
    const keyOrigin = entry === undefined || rest.length === 0 ? { variable: this.#variable } : entry.keyOrigin;
    map.entries.set(key, { keyOrigin, value });
  }

  #findKey(map: MapNode, step: Step): { key: string; rest: readonly string[] } {
    const { shape, keys, names } = step;
    const [name = '', ...rest] = names;
    if (shape.kind === 'object' && !MAPS.has(keys[0] ?? '')) {
      const known = keyNamed(shape.keys.keys(), keys, name);
      if (known !== undefined) return { key: known, rest };
      throw this.#unknown(
        step,
        [...shape.keys.keys()].flatMap((key) => namesOf(keys, key)),
      );
    }
    if (shape.kind === 'map') {
      const made = splitMapName(names, shape.value);
      return { ...made, key: [...map.entries.keys()].find((key) => isSameMapKey(key, made.key)) ?? made.key };
    }
    const upper = name.toUpperCase();
    return { key: [...map.entries.keys()].find((key) => key.toUpperCase() === upper) ?? name.toLowerCase(), rest };
  }

  #unknown({ names }: Step, candidates: readonly string[]): VariableError {
    const [name = '', ...rest] = names;
    const walked = this.#variable.split('_').slice(0, -names.length);
    const nearest = findNearest(name, candidates);
    // Below a value without parts, the variable is one without the additional names.
    const meant = nearest === undefined ? walked : [...walked, nearest, ...rest];
    const message = `unknown variable, ignored; did you mean ${meant.join('_')}?`;
    return new VariableError([problemOf(this.#variable, message)], false);
  }

  #refused(message: string): VariableError {
    return new VariableError([problemOf(this.#variable, message)], true);
  }
}
