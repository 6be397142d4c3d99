import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { findProgram, whyNotBuilt } from '../../support/programs.ts';
import { CASES, CHART, type Helm, HELMS, RELEASE, renderCase, valuesOf } from '../helm.ts';
import { crdFolders, loadSources } from '../kubernetes-schemas.ts';
import { podsOf } from '../workload.ts';
import { ApiServer } from './api-server.ts';

const PROGRAM = 'layover-apiserver';
const program = process.env['CHART_APISERVER'] ? await findProgram(PROGRAM) : undefined;
if (program === undefined) {
  const reason = process.env['CHART_APISERVER'] ? await whyNotBuilt(PROGRAM) : undefined;
  console.warn(`skipped: a real API server: ${reason ?? 'run npm run test:chart -- --apiserver'}`);
}

const { namespace } = RELEASE;
const CLAIM = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/rel-layover-data`;
const WORKLOADS = `/apis/apps/v1/namespaces/${namespace}`;
/** A claim can neither get another class nor shrink. */
const CLAIM_VALUES = ['--set', 'persistence.storageClass=fast', '--set', 'persistence.size=100Gi'];
/** What the API server warns of goes to stderr. */
const WARNING = /warning|^W\d/im;

describe.runIf(program)('on a real API server', { timeout: 120_000 }, () => {
  let api: ApiServer;
  beforeAll(async () => {
    api = await ApiServer.start(program ?? '');
    for (const folder of crdFolders(await loadSources())) await api.createCrds(folder);
    await api.createNamespace(namespace, 'restricted');
    await api.createNamespace('layover-nodes', 'privileged');
    await api.request('POST', '/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name: 'fast' },
      provisioner: 'test.layover/none',
      allowVolumeExpansion: true,
    });
  }, 180_000);
  afterAll(() => api?.[Symbol.asyncDispose]());

  describe.each(HELMS)('$name', (helm) => {
    const run = (...args: readonly string[]) => runOn(api, helm, args);
    afterEach(async () => {
      await run('uninstall', RELEASE.name, '--ignore-not-found');
      await api.request('DELETE', CLAIM, { propagationPolicy: 'Background' });
      // Its finalizer waits for a controller.
      await api.request('PATCH', CLAIM, { metadata: { finalizers: null } }, 'application/merge-patch+json');
      await vi.waitUntil(async () => (await api.request('GET', CLAIM)) === undefined, { timeout: 30_000 });
    });

    it.each(CASES)('installs %s without a warning', async (name) => {
      const { stderr } = await run('install', RELEASE.name, CHART, '--values', valuesOf(name));
      expect(stderr).not.toMatch(WARNING);
    });

    it('prints a warning for pods that are not restricted, so that the tests above would fail', async () => {
      const { stderr } = await run(
        'install',
        RELEASE.name,
        CHART,
        '--set',
        'securityContext.allowPrivilegeEscalation=true',
      );
      expect(stderr).toMatch(WARNING);
    });

    it.each(CASES)('upgrades to %s, rolls back and uninstalls', async (name) => {
      await run('install', RELEASE.name, CHART, ...CLAIM_VALUES);
      const upgraded = await run(
        'upgrade',
        RELEASE.name,
        CHART,
        '--reset-values',
        '--values',
        valuesOf(name),
        ...CLAIM_VALUES,
      );
      expect(upgraded.stderr).not.toMatch(WARNING);
      await run('rollback', RELEASE.name, '1');
      expect(await api.request('GET', `${WORKLOADS}/statefulsets/rel-layover`)).toBeDefined();
      await run('uninstall', RELEASE.name);
      expect(await api.request('GET', `${WORKLOADS}/statefulsets/rel-layover`)).toBeUndefined();
    });

    it('grows the volume, keeps it over an uninstall, and takes it over again', async () => {
      const install = ['install', RELEASE.name, CHART, ...CLAIM_VALUES];
      await run(...install);
      await bind(api);
      await run('upgrade', RELEASE.name, CHART, '--reuse-values', '--set', 'persistence.size=200Gi');
      expect((await api.request('GET', CLAIM))?.['spec'].resources.requests.storage).toBe('200Gi');
      await run('uninstall', RELEASE.name);
      expect(await api.request('GET', CLAIM)).toBeDefined();
      await run(...install, '--set', 'persistence.size=200Gi');
      expect((await api.request('GET', CLAIM))?.['spec'].volumeName).toBe('volume');
    });

    it('leaves the number of replicas to the autoscaler', async () => {
      const values = ['--values', valuesOf('autoscaling')];
      await run('install', RELEASE.name, CHART, ...values);
      const path = `${WORKLOADS}/deployments/rel-layover`;
      await api.request('PATCH', `${path}/scale`, { spec: { replicas: 5 } }, 'application/merge-patch+json');
      await run('upgrade', RELEASE.name, CHART, ...values, '--set', 'config.log.level=debug');
      expect((await api.request('GET', path))?.['spec'].replicas).toBe(5);
    });
  });

  it.each(CASES)('pods of %s are accepted by the restricted Pod Security Standard', async (name) => {
    for (const { owner, metadata, spec } of podsOf(await renderCase(name))) {
      const place = owner.metadata.namespace;
      // The API server looks up what pods refer to.
      const { priorityClassName: _, serviceAccountName: __, ...pod } = spec;
      const body = { metadata: { ...metadata, name: 'pod', namespace: place, annotations: {} }, spec: pod };
      await expect(api.request('POST', `/api/v1/namespaces/${place}/pods?dryRun=All`, body)).resolves.toBeDefined();
    }
  });
});

function runOn(api: ApiServer, helm: Helm, args: readonly string[]) {
  const isolated = ['--kubeconfig', api.kubeconfig, '--namespace', namespace];
  return helm.run(...args, ...isolated);
}

/** As the controllers would: only bound claims can grow. */
async function bind(api: ApiServer): Promise<void> {
  const patch = 'application/merge-patch+json';
  await api.request('PATCH', CLAIM, { spec: { volumeName: 'volume' } }, patch);
  await api.request('PATCH', `${CLAIM}/status`, { status: { phase: 'Bound', capacity: { storage: '100Gi' } } }, patch);
}
