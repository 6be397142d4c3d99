import { buildkit } from './clients/buildkit.ts';
import { containerd } from './clients/containerd.ts';
import { docker } from './clients/docker.ts';
import { k3s, rke2 } from './clients/k3s.ts';
import { crio, podman } from './clients/podman.ts';
import { github, gitlab, kind, minikube, talos, testcontainers } from './clients/printed.ts';
import type { SetupClient } from './plan.ts';

export const SETUP_CLIENTS: readonly SetupClient[] = [
  docker,
  containerd,
  podman,
  crio,
  k3s,
  rke2,
  buildkit,
  kind,
  minikube,
  talos,
  gitlab,
  github,
  testcontainers,
];

export function findSetupClient(name: string): SetupClient | undefined {
  return SETUP_CLIENTS.find((client) => client.name === name);
}
