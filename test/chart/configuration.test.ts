import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { execPath } from 'node:process';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { loadConfig } from '../../src/config/load.ts';
import { freePort, RunningProcess, waitForPort } from '../support/processes.ts';
import { LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { CASES, HELM, type KubernetesObject, renderCase } from './helm.ts';
import { configOf, podOf } from './workload.ts';

const SECRETS = '/run/secrets/layover';

describe.runIf(HELM)('a rendered configuration', () => {
  it.each(CASES)('of %s is accepted, with the variables and files of its pod', async (name) => {
    const objects = await renderCase(name);
    await using directory = await temporaryDirectory();
    const file = await writeConfiguration(objects, directory.path);
    const { code, stdout, stderr } = await runLayover(['config', 'check', file], { env: variablesOf(objects) });
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toMatch(/^warning: /m);
  });

  it('makes a server that responds to the probes of its pod', async () => {
    await using directory = await temporaryDirectory();
    const objects = await renderCase('default');
    const [registry, debug] = [await freePort(), await freePort()];
    const text = configOf(objects)
      .replace(':5000', `127.0.0.1:${registry}`)
      .replace(':5001', `127.0.0.1:${debug}`)
      .replace('/var/lib/registry', directory.path);
    await writeFile(join(directory.path, 'config.yml'), text);
    const args = [LAYOVER_MAIN, 'serve', join(directory.path, 'config.yml')];
    await using server = await RunningProcess.start(execPath, args, { env: programEnvironment() });
    await waitForPort(debug, server);
    const { livenessProbe, readinessProbe } = podOf(objects).spec.containers[0];
    const statusOf = async ({ path }: { path: string }) => (await fetch(`http://127.0.0.1:${debug}${path}`)).status;
    await expect.poll(() => statusOf(readinessProbe.httpGet)).toBe(200);
    expect(await statusOf(livenessProbe.httpGet)).toBe(200);
  });

  it('has the user name of an upstream from its Secret', async () => {
    const objects = await renderCase('disk-tls');
    await using directory = await temporaryDirectory();
    const file = await writeConfiguration(objects, directory.path);
    const { config } = await loadConfig({ file, env: variablesOf(objects) });
    const [hub, , harbor] = config.proxy?.upstreams ?? [];
    const passwordOf = (index: number) => join(directory.path, `upstreams/${index}/password`);
    expect(hub?.credentials).toMatchObject([{ username: 'from-a-secret', path: passwordOf(0) }]);
    expect(harbor?.credentials).toMatchObject([{ username: 'robot', path: passwordOf(2) }]);
  });

  it('has the values of config, also where they are false, 0 or a list', async () => {
    const config = await configurationOf('disk-tls');
    expect(config.http.debug.prometheus.enabled).toBe(false);
    expect(config.health.storagedriver).toEqual({ enabled: false, interval: '10s', threshold: 0 });
    expect(config.proxy.hosted).toEqual(['team/**']);
    expect(config.proxy.upstreams).toHaveLength(3);
  });

  it('keeps secrets out of the ConfigMap', async () => {
    const text = JSON.stringify(await configurationOf('disk-tls')) + JSON.stringify(await configurationOf('shared'));
    expect(text).not.toMatch(/"(password|secretkey|accesskey|token|secret)":/);
  });

  it('limits content to a fraction of the volume', async () => {
    expect((await configurationOf('default')).storage.quota.size).toBe('87040MiB');
    expect((await configurationOf('disk-tls')).storage.quota.size).toBe('1215MiB');
    expect((await configurationOf('ingress')).storage.quota.size).toBe('400GiB');
  });

  it('has no upstreams of the chart next to those of config', async () => {
    expect((await configurationOf('ingress')).proxy).toEqual({ remoteurl: 'https://registry-1.docker.io' });
  });
});

async function configurationOf(name: string) {
  return parse(configOf(await renderCase(name)));
}

/** Writes it and the files of its Secrets below a directory. @returns its path */
async function writeConfiguration(objects: readonly KubernetesObject[], directory: string): Promise<string> {
  for (const path of secretPathsOf(objects)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), contentOf(path));
  }
  const file = join(directory, 'config.yml');
  await writeFile(file, configOf(objects).replaceAll(SECRETS, directory));
  return file;
}

function secretPathsOf(objects: readonly KubernetesObject[]): readonly string[] {
  const volumes = podOf(objects).spec.volumes as KubernetesObject[];
  const sources = volumes.flatMap((volume) => volume['projected']?.sources ?? []);
  return sources.flatMap(({ secret }) => secret.items.map((item: { path: string }) => item.path));
}

/** Only the types of files that are read by the check need content. */
function contentOf(path: string): string {
  if (path.endsWith('.json')) return '{"auths":{}}';
  return path.endsWith('.crt') ? `${rootCertificates[0]}\n` : 'content\n';
}

/** As the kubelet sets them. */
function variablesOf(objects: readonly KubernetesObject[]): Record<string, string> {
  const entries = podOf(objects).spec.containers[0].env as { name: string; value?: string }[];
  const values = entries.map(({ name, value }) => [name, value ?? (name === 'POD_IP' ? '10.0.0.7' : 'from-a-secret')]);
  const variables = Object.fromEntries(values) as Record<string, string>;
  for (const [name, value] of Object.entries(variables))
    variables[name] = value.replaceAll(/\$\((\w+)\)/g, (_, other: string) => variables[other] ?? '');
  return variables;
}
