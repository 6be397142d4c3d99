import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Agent, fetch } from 'undici';
import { vi } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';

import { freePort, RunningProcess } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import type { KubernetesObject } from '../helm.ts';

const TOKEN = 'layover-test';

/** A Kubernetes API server without controllers: it stores and validates objects, and no pod ever starts. */
export class ApiServer implements AsyncDisposable {
  /** For Helm. */
  readonly kubeconfig: string;
  readonly #url: string;
  readonly #agent = new Agent({ connect: { rejectUnauthorized: false } });
  readonly #owned: AsyncDisposable[];

  private constructor(url: string, kubeconfig: string, owned: AsyncDisposable[]) {
    this.#url = url;
    this.kubeconfig = kubeconfig;
    this.#owned = owned;
  }

  static async start(program: string): Promise<ApiServer> {
    const directory = await temporaryDirectory();
    const port = await freePort();
    const flags = await writeFlags(directory.path, port);
    const server = await RunningProcess.start(program, [directory.path, ...flags], { env: { PATH: process.env.PATH } });
    const url = `https://127.0.0.1:${port}`;
    const kubeconfig = join(directory.path, 'kubeconfig');
    await writeFile(kubeconfig, kubeconfigFor(url), { mode: 0o600 });
    const api = new ApiServer(url, kubeconfig, [server, directory]);
    try {
      await vi.waitUntil(() => api.#isReady(), { timeout: 150_000 });
    } catch (err) {
      await api[Symbol.asyncDispose]();
      throw new Error(`the API server did not get ready:\n${server.output}`, { cause: err });
    }
    return api;
  }

  async #isReady(): Promise<boolean> {
    return (await this.#fetch('GET', '/readyz').catch(() => undefined))?.status === 200;
  }

  #fetch(method: string, path: string, body?: unknown, contentType = 'application/json') {
    return fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': contentType },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      dispatcher: this.#agent,
    });
  }

  /** @returns undefined when there is no such object. @throws {Error} with the server's reason */
  async request(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
  ): Promise<KubernetesObject | undefined> {
    const response = await this.#fetch(method, path, body, contentType);
    if (response.status === 404) return undefined;
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as KubernetesObject;
  }

  /** A namespace in which every pod has to meet the level, and every workload that does not gets a warning. */
  async createNamespace(name: string, level: 'restricted' | 'privileged'): Promise<void> {
    const labels = { 'pod-security.kubernetes.io/enforce': level, 'pod-security.kubernetes.io/warn': level };
    await this.request('POST', '/api/v1/namespaces', { metadata: { name, labels } });
  }

  /** The CRDs of a folder; resolves when their objects can be created. */
  async createCrds(folder: string): Promise<void> {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    for (const file of (await readdir(folder)).filter((name) => name.endsWith('.yaml'))) {
      for (const document of parseAllDocuments(await readFile(join(folder, file), 'utf8'))) {
        const crd = document.toJS() as KubernetesObject | null;
        if (crd?.kind !== 'CustomResourceDefinition') continue;
        await this.request('POST', path, crd);
        await vi.waitUntil(() => this.#isEstablished(`${path}/${crd.metadata.name}`), { timeout: 30_000 });
      }
    }
  }

  async #isEstablished(path: string): Promise<boolean> {
    const crd = await this.request('GET', path);
    const conditions = (crd?.['status']?.conditions ?? []) as { type: string; status: string }[];
    return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const owned of this.#owned) await owned[Symbol.asyncDispose]();
    await this.#agent.close();
  }
}

async function writeFlags(directory: string, port: number): Promise<readonly string[]> {
  const at = (name: string) => join(directory, name);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(at('sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(at('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(at('tokens.csv'), `${TOKEN},admin,admin,system:masters\n`);
  return [
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    `--cert-dir=${at('certificates')}`,
    `--service-account-key-file=${at('sa.pub')}`,
    `--service-account-signing-key-file=${at('sa.key')}`,
    '--service-account-issuer=https://kubernetes.test',
    `--token-auth-file=${at('tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112',
    // Its tokens come from a controller that does not run.
    '--disable-admission-plugins=ServiceAccount',
  ];
}

function kubeconfigFor(server: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token: TOKEN } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}
