import { describe, expect, it } from 'vitest';

import { CHART, HELM, RELEASE, valuesOf } from './helm.ts';

/** What `helm install` prints after the objects. */
async function notesOf(...args: readonly string[]): Promise<string> {
  const dryRun = ['--dry-run=client', '--namespace', RELEASE.namespace];
  const output = await HELM?.run('install', RELEASE.name, CHART, ...dryRun, ...args);
  return output?.stdout.split('NOTES:')[1] ?? '';
}

const HOSTS = 'write /etc/containerd/certs.d/_default/hosts.toml:';

describe.runIf(HELM)('the notes', () => {
  it('name an address that nodes reach, for each kind of access', async () => {
    const nodePort = await notesOf('--set', 'nodeAccess.type=nodePort');
    expect(nodePort).toContain(`${HOSTS}\n\n  [host."http://NODE:30500"]\n    capabilities = ["pull", "resolve"]\n`);
    expect(await notesOf('--values', valuesOf('gateway'))).toContain('[host."https://cache.example.com"]');
    expect(await notesOf('--values', valuesOf('ingress'))).toContain('[host."https://cache.example.com"]');
    const balancer = await notesOf('--values', valuesOf('shared'));
    expect(balancer).toContain('[host."http://ADDRESS:5000"]');
    expect(balancer).toContain('kubectl get service rel-layover-node --namespace team');
    const own = await notesOf('--set', 'service.type=LoadBalancer', '--set', 'service.port=80');
    expect(own).toContain('[host."http://ADDRESS:80"]');
    expect(own).toContain('kubectl get service rel-layover --namespace team');
  });

  it('say that nodes have no address yet', async () => {
    expect(await notesOf()).toContain('Give them an address: nodeAccess.type, ingress.enabled or gateway.enabled.');
  });

  it('say what the chart does on nodes', async () => {
    expect(await notesOf('--values', valuesOf('node-config'))).toMatch(
      /A DaemonSet makes containerd .* pull through http/,
    );
  });

  it('warn of an image without a registry', async () => {
    expect(await notesOf()).toContain('has no registry in its name');
    expect(await notesOf('--set', 'image.repository=registry.example.com/layover')).not.toContain('has no registry');
  });
});
