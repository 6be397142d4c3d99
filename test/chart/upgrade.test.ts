import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { CASES, HELM, RELEASE, renderCase, valuesOf } from './helm.ts';
import { findObjects, workloadOf } from './workload.ts';

/** Default values of each released chart: `helm upgrade --reuse-values` applies them to a newer one. */
const RELEASED = join(import.meta.dirname, 'released');

describe.runIf(HELM)('an upgrade', () => {
  it.each(readdirSync(RELEASED))('from the values of %s is accepted', async (file) => {
    const objects = await HELM?.objects('--values', join(RELEASED, file));
    expect(objects?.map(({ kind }) => kind)).toContain('StatefulSet');
  });

  it.each(CASES)('of Kubernetes, from 1.29 on, changes nothing of %s', async (name) => {
    expect(await HELM?.objects('--values', valuesOf(name), '--kube-version', '1.29.0')).toEqual(await renderCase(name));
  });

  it.each(CASES)('changes no field of %s that cannot be changed', async (name) => {
    const objects = await renderCase(name);
    const { kind, spec } = workloadOf(objects);
    const matchLabels = { 'app.kubernetes.io/name': 'layover', 'app.kubernetes.io/instance': RELEASE.name };
    expect(spec.selector).toEqual({ matchLabels });
    if (kind === 'StatefulSet') {
      expect(spec.serviceName).toMatch(/-pods$/);
      expect(spec.podManagementPolicy).toBe('Parallel');
      expect(spec).not.toHaveProperty('volumeClaimTemplates');
    }
    for (const daemonSet of findObjects(objects, 'DaemonSet'))
      expect(daemonSet['spec'].selector.matchLabels['app.kubernetes.io/name']).toBe('layover-node-config');
  });

  it.each([
    ['the version', ['--set', 'image.tag=9.9.9']],
    ['the size of the volume', ['--set', 'persistence.size=200Gi']],
    ['labels', ['--set', 'commonLabels.team=a', '--set', 'podLabels.tier=b']],
  ])('of %s changes no name and no selector', async (_, args) => {
    const fixed = (objects: Awaited<ReturnType<typeof renderCase>>) =>
      objects.map(({ kind, metadata, ...object }) => [kind, metadata.name, object['spec']?.selector]);
    expect(fixed((await HELM?.objects(...args)) ?? [])).toEqual(fixed(await renderCase('default')));
  });
});
