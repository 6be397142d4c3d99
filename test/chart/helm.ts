import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { parseAllDocuments } from 'yaml';

import { runProgram } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';

export const CHART = join(import.meta.dirname, '../../charts/layover');
/** Without a cluster, a Helm that was not built by its own project has any. */
const KUBERNETES = '1.37.2';
export const RELEASE = { name: 'rel', namespace: 'team' };

/** Names of the values in `ci/`. */
export const CASES = readdirSync(join(CHART, 'ci')).map((file) => file.replace(/-values\.yaml$/, ''));
export const valuesOf = (name: string) => join(CHART, 'ci', `${name}-values.yaml`);

/** A Kubernetes object as Helm prints it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // Each test knows the kind that it reads.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly [field: string]: any;
}

export class Helm {
  readonly name: string;
  readonly path: string;

  constructor(name: string, path: string) {
    this.name = name;
    this.path = path;
  }

  /** @returns the text of all objects, in Helm's order. @throws {Error} with Helm's output */
  async template(...args: readonly string[]): Promise<string> {
    const release = ['--namespace', RELEASE.namespace, '--kube-version', KUBERNETES, ...args];
    return (await this.run('template', RELEASE.name, CHART, ...release)).stdout;
  }

  async objects(...args: readonly string[]): Promise<readonly KubernetesObject[]> {
    return parseObjects(await this.template(...args));
  }

  run(...args: readonly string[]) {
    return runProgram(this.path, args, { env: { PATH: process.env.PATH, HOME: '/nonexistent' } });
  }
}

/** @throws {Error} for a key that is given twice, and other broken YAML */
function parseObjects(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const object = document.toJS() as KubernetesObject | null;
    return object === null ? [] : [object];
  });
}

/** Names of the programs Helm 4 and Helm 3, the newest first. */
export const HELM_PROGRAMS = ['helm4', 'helm'];

/** Those that this machine has. */
export const HELMS: readonly Helm[] = (await Promise.all(HELM_PROGRAMS.map(findHelm))).filter((it) => it !== undefined);

async function findHelm(program: string): Promise<Helm | undefined> {
  const path = await findProgram(program);
  if (path === undefined) return undefined;
  const { stdout } = await runProgram(path, ['version', '--short'], { env: { HOME: '/nonexistent' } });
  return new Helm(`Helm ${stdout.trim().replace(/\+.*/, '')}`, path);
}

/** The newest Helm, for tests of what the chart says; absent when the machine has none. */
export const HELM = HELMS[0];

const rendered = new Map<string, Promise<readonly KubernetesObject[]>>();

/** The objects of one of {@link CASES}, rendered once. */
export function renderCase(name: string): Promise<readonly KubernetesObject[]> {
  let objects = rendered.get(name);
  if (objects === undefined) {
    objects = HELM?.objects('--values', valuesOf(name)) ?? Promise.resolve([]);
    rendered.set(name, objects);
  }
  return objects;
}
