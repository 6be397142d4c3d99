import type { KubernetesObject } from './helm.ts';

/** @throws {Error} when there is none, or more than one */
export function getObject(objects: readonly KubernetesObject[], kind: string, suffix = ''): KubernetesObject {
  const found = objects.filter((it) => it.kind === kind && it.metadata.name.endsWith(suffix));
  const [object, ...others] = found;
  if (object === undefined || others.length > 0) throw new Error(`${found.length} objects of kind ${kind}`);
  return object;
}

export const findObjects = (objects: readonly KubernetesObject[], kind: string) =>
  objects.filter((it) => it.kind === kind);

/** The StatefulSet or Deployment. */
export function workloadOf(objects: readonly KubernetesObject[]): KubernetesObject {
  const [workload] = objects.filter(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment');
  if (workload === undefined) throw new Error('no StatefulSet and no Deployment');
  return workload;
}

/** The pod template of the replicas. */
export const podOf = (objects: readonly KubernetesObject[]) => workloadOf(objects)['spec'].template;

/** The configuration file. */
export function configOf(objects: readonly KubernetesObject[]): string {
  const configs = findObjects(objects, 'ConfigMap').flatMap((it) => it['data']['config.yml'] ?? []);
  return String(configs[0]);
}

/** Every pod of a release: templates of workloads, and pods. */
export function podsOf(objects: readonly KubernetesObject[]) {
  return objects.flatMap((it) => {
    if (it.kind === 'Pod') return [{ owner: it, metadata: it.metadata, spec: it['spec'] }];
    const template = it['spec']?.template;
    return template?.spec?.containers ? [{ owner: it, ...template }] : [];
  });
}
