import { describe, expect, it } from 'vitest';

import { CASES, HELM, type KubernetesObject, RELEASE, renderCase, valuesOf } from './helm.ts';
import { findObjects, getObject, podOf, podsOf, workloadOf } from './workload.ts';

const isNodeConfig = (object: KubernetesObject) => object.kind === 'DaemonSet';

describe.runIf(HELM).each(CASES)('with the values %s', (name) => {
  it('pods meet the restricted Pod Security Standard, except those that configure nodes', async () => {
    for (const { owner, spec } of podsOf(await renderCase(name))) {
      if (isNodeConfig(owner)) continue;
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(spec.securityContext.runAsUser).toBeGreaterThan(0);
      expect([spec.hostNetwork, spec.hostPID, spec.hostIPC]).toEqual([undefined, undefined, undefined]);
      for (const volume of spec.volumes) expect(volume, volume.name).not.toHaveProperty('hostPath');
    }
  });

  it('containers have no privileges, a read-only root and a limit of memory', async () => {
    for (const { spec } of podsOf(await renderCase(name))) {
      for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
        expect(container.securityContext, container.name).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.limits.memory, container.name).toBeDefined();
        expect(container.ports?.some((port: object) => 'hostPort' in port) ?? false).toBe(false);
      }
    }
  });

  it('pods get no token of the API server, and no variables of other Services', async () => {
    for (const { spec } of podsOf(await renderCase(name)))
      expect(spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
  });

  it('every variable of a container has one name, and what it refers to comes first', async () => {
    for (const { spec } of podsOf(await renderCase(name))) {
      for (const { env = [] } of [...(spec.initContainers ?? []), ...spec.containers]) {
        const names = env.map((entry: { name: string }) => entry.name);
        expect(new Set(names).size).toBe(names.length);
        for (const [index, { value = '' }] of env.entries())
          for (const [, other] of String(value).matchAll(/\$\((\w+)\)/g))
            expect(names.indexOf(other)).toBeLessThan(index);
      }
    }
  });

  it('every object has a namespace and the labels of the release', async () => {
    for (const object of await renderCase(name)) {
      if (object.metadata.name.endsWith('-extra')) continue;
      expect(object.metadata.namespace, object.kind).toBeDefined();
      expect(object.metadata.labels, object.kind).toMatchObject({ 'app.kubernetes.io/instance': RELEASE.name });
    }
  });

  it('Services select the replicas, and nothing else', async () => {
    const objects = await renderCase(name);
    for (const service of findObjects(objects, 'Service')) {
      const selected = podsOf(objects).filter(({ metadata }) => isSelected(metadata.labels, service['spec'].selector));
      expect(selected.map(({ owner }) => owner.kind)).toEqual([workloadOf(objects).kind]);
    }
  });

  it('the replicas are probed, and get the time that they need to end', async () => {
    const pod = podOf(await renderCase(name));
    const layover = pod.spec.containers.find((container: { name: string }) => container.name === 'layover');
    expect(layover.startupProbe.httpGet).toEqual({ path: '/livez', port: 'debug', scheme: 'HTTP' });
    expect(layover.livenessProbe.httpGet).toEqual({ path: '/livez', port: 'debug', scheme: 'HTTP' });
    expect(layover.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'debug', scheme: 'HTTP' });
    expect(pod.spec.terminationGracePeriodSeconds).toBe(40);
    // A pod is out of the Services before it stops listening: one failed probe and the delay of endpoints fit in.
    expect(layover.readinessProbe.periodSeconds * layover.readinessProbe.failureThreshold).toBeLessThan(5);
  });

  it('objects have no fields that another controller owns', async () => {
    const objects = await renderCase(name);
    const [scaler] = findObjects(objects, 'HorizontalPodAutoscaler');
    expect('replicas' in workloadOf(objects)['spec']).toBe(scaler === undefined);
  });
});

const isSelected = (labels: Readonly<Record<string, string>>, selector: Readonly<Record<string, string>>) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

describe.runIf(HELM)('the chart', () => {
  it('mounts a directory of the node only for the pods that configure nodes, in their own namespace', async () => {
    const objects = await renderCase('node-config');
    const pod = getObject(objects, 'DaemonSet');
    expect(pod.metadata.namespace).toBe('layover-nodes');
    expect(pod['spec'].template.spec.volumes).toContainEqual({
      name: 'certs',
      hostPath: { path: '/etc/containerd/certs.d', type: 'DirectoryOrCreate' },
    });
  });

  it('never has two pods on one volume, and replaces a pod that does not get ready', async () => {
    const { kind, spec } = workloadOf(await renderCase('default'));
    expect(kind).toBe('StatefulSet');
    expect(spec).toMatchObject({
      replicas: 1,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate' },
    });
  });

  it('starts a new replica before it ends an old one, where they share their content', async () => {
    const { kind, spec } = workloadOf(await renderCase('shared'));
    expect(kind).toBe('Deployment');
    expect(spec).toMatchObject({ replicas: 3, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
  });

  it('gives each replica its own address for the others', async () => {
    const { env } = podOf(await renderCase('shared')).spec.containers[0];
    expect(env).toContainEqual({ name: 'REGISTRY_PROXY_FILLS_ADVERTISE', value: 'http://$(POD_IP):5000' });
    expect(env.find((entry: { name: string }) => entry.name === 'POD_IP').valueFrom.fieldRef.fieldPath).toBe(
      'status.podIP',
    );
  });

  it('has a disruption budget only where one replica may be missed', async () => {
    expect(findObjects(await renderCase('default'), 'PodDisruptionBudget')).toEqual([]);
    expect(findObjects(await renderCase('shared'), 'PodDisruptionBudget')).toHaveLength(1);
    expect(findObjects(await renderCase('autoscaling'), 'PodDisruptionBudget')).toHaveLength(1);
  });

  it('lets replicas reach Redis, its master behind sentinels, and the store', async () => {
    const allowed = async (...args: readonly string[]) => {
      const objects = (await HELM?.objects('--values', valuesOf('shared'), ...args)) ?? [];
      const rules = getObject(objects, 'NetworkPolicy')['spec'].egress as { ports: { port: unknown }[] }[];
      return rules.flatMap(({ ports }) => ports.map(({ port }) => port));
    };
    expect(await allowed()).toEqual([53, 53, 443, 'registry', 26_379, 6379, 9000]);
    expect(await allowed('--set', 's3.endpoint=https://s3.example.com/path')).toContain(443);
    expect(await allowed('--set', 's3.endpoint=http://s3.example.com')).toContain(80);
    expect(await allowed('--set', 'redis.addrs={redis}')).toContain(6379);
  });

  it('has names of at most 63 characters, however long those of the values are', async () => {
    const long = ['--set', `fullnameOverride=${'n'.repeat(80)}`];
    const objects = (await HELM?.objects('--values', valuesOf('node-config'), ...long)) ?? [];
    for (const { metadata } of objects) expect(metadata.name.length, metadata.name).toBeLessThanOrEqual(63);
  });

  it('leaves users to the platform when they are null', async () => {
    const nulls = ['runAsUser', 'runAsGroup', 'fsGroup'].flatMap((key) => ['--set', `podSecurityContext.${key}=null`]);
    const { securityContext } = podOf((await HELM?.objects(...nulls)) ?? []).spec;
    expect(Object.keys(securityContext)).toEqual(['fsGroupChangePolicy', 'runAsNonRoot', 'seccompProfile']);
  });

  it('keeps the volume when the release is uninstalled', async () => {
    const claim = getObject(await renderCase('default'), 'PersistentVolumeClaim');
    expect(claim.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
  });

  it('restarts pods for a change of the configuration, and not for one of the chart alone', async () => {
    const before = podOf(await renderCase('default')).metadata;
    const changed = podOf((await HELM?.objects('--set', 'config.log.level=debug')) ?? []).metadata;
    expect(changed.annotations['checksum/config']).not.toBe(before.annotations['checksum/config']);
    expect(Object.keys(before.labels)).toEqual(['app.kubernetes.io/instance', 'app.kubernetes.io/name']);
  });
});
