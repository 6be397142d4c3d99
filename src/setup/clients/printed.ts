import { type ClientPlan, HEADER, type PrintedText, type SetupClient, type SetupRequest } from '../plan.ts';
import { buildkitdToml, OPEN_BUILDS } from './buildkit.ts';
import { ANY_REGISTRY, CLOSED_BY_HOSTS, hostsToml } from './hosts-toml.ts';

const NODE_CERTS = '/etc/containerd/certs.d';
const CA_ON_NODES = 'The path of --ca is one on the nodes: copy the certificate there.';

export const kind: SetupClient = printed('kind', 'kind', {
  texts(request) {
    const names = request.registries.length > 0 ? request.registries : [ANY_REGISTRY];
    const write = names.map((name) => {
      const directory = `${NODE_CERTS}/${name}`;
      const command = `docker exec "$node" mkdir -p ${directory}\n  docker exec -i "$node" cp /dev/stdin ${directory}/hosts.toml`;
      return `  ${command} <<'EOF'\n${hostsToml(name, request)}EOF\n`;
    });
    return [
      { title: 'cluster.yaml, for `kind create cluster --config cluster.yaml`', text: KIND_CLUSTER },
      { title: 'then, for its nodes', text: `for node in $(kind get nodes); do\n${write.join('')}done\n` },
    ];
  },
  takesEffect: 'at once, in clusters that were created with cluster.yaml',
  notes: [
    'Nodes reach a cache on the same machine at the address of the host in the network `kind`, not at localhost.',
    CA_ON_NODES,
  ],
  enforcement: CLOSED_BY_HOSTS,
});

const KIND_CLUSTER = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
  - |-
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "${NODE_CERTS}"
`;

export const minikube: SetupClient = printed('minikube', 'minikube', {
  texts(request) {
    const names = request.registries.length > 0 ? request.registries : [ANY_REGISTRY];
    const files = names.map((name) => ({
      title: `~/.minikube/files${NODE_CERTS}/${name}/hosts.toml, for --container-runtime=containerd`,
      text: hostsToml(name, request),
    }));
    const command = `minikube start --registry-mirror=${request.cache.origin}\n`;
    if (!names.some((name) => name === ANY_REGISTRY || name === 'docker.io')) return files;
    return [...files, { title: 'for --container-runtime=docker, which mirrors Docker Hub alone', text: command }];
  },
  takesEffect: 'for containerd at the next `minikube start`; for docker in a new cluster',
  notes: [CA_ON_NODES],
  enforcement: CLOSED_BY_HOSTS,
  unenforced: 'with --container-runtime=docker there is no setting against pulls past the cache',
});

export const talos: SetupClient = printed('talos', 'Talos', {
  texts: ({ cache, registries, isEnforced }) => {
    const names = registries.length > 0 ? registries : ["'*'"];
    const documents = names.map(
      (name) => `apiVersion: v1alpha1
kind: RegistryMirrorConfig
name: ${name}
endpoints:
  - url: ${cache.origin}
${isEnforced ? 'skipFallback: true\n' : ''}`,
    );
    return [
      { title: 'mirror.yaml, for `talosctl patch machineconfig --patch @mirror.yaml`', text: documents.join('---\n') },
    ];
  },
  takesEffect: 'at once',
  notes: [],
  enforcement: 'skipFallback is set, so there is no fallback',
});

export const gitlab: SetupClient = printed('gitlab', 'GitLab CI, docker-in-docker', {
  texts: ({ cache }) => [
    {
      title: '.gitlab-ci.yml',
      text: `services:
  - name: docker:dind
    command: ["--registry-mirror", "${cache.origin}"]
`,
    },
    {
      title: "or for all jobs: the runner's config.toml",
      text: `[[runners.docker.services]]
  name = "docker:dind"
  command = ["--registry-mirror", "${cache.origin}"]
`,
    },
  ],
  takesEffect: 'with the next job',
  notes: ["The image of a job is pulled by the runner's Docker: set that up with `layover setup docker`."],
  unenforced: 'there is no setting against pulls past the cache',
});

export const github: SetupClient = printed('github', 'GitHub Actions, builds', {
  texts: (request) => [
    {
      title: 'a step of the workflow',
      text: `- uses: docker/setup-buildx-action@v4
  with:
    buildkitd-config-inline: |
${indented(buildkitdToml(request).replace(HEADER, '').trimStart(), 6)}`,
    },
  ],
  takesEffect: 'with the next run',
  notes: [
    'For `docker pull` on a self-hosted runner, use `layover setup docker`. Images of services and containers are pulled before the first step.',
  ],
  unenforced: OPEN_BUILDS,
});

export const testcontainers: SetupClient = printed('testcontainers', 'Testcontainers', {
  texts: ({ cache }) => [
    { title: 'a variable of the tests', text: `TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX=${cache.host}/docker.io/\n` },
  ],
  takesEffect: 'with the next run',
  notes: ['It is for images of Docker Hub alone, and for names without a registry.'],
  enforcement: 'the cache is part of the name of each image, so there is no fallback',
  isElsewhere: false,
});

interface PrintedParts extends Pick<ClientPlan, 'takesEffect' | 'notes'> {
  readonly texts: (request: SetupRequest) => readonly PrintedText[];
  /** Absent when nothing prevents direct pulls. */
  readonly enforcement?: string;
  /** Absent when nothing else allows them. */
  readonly unenforced?: string;
  /** @default true */
  readonly isElsewhere?: boolean;
}

function printed(name: string, title: string, parts: PrintedParts): SetupClient {
  const { texts, enforcement = '', unenforced, isElsewhere = true } = parts;
  return {
    name,
    title,
    isElsewhere,
    plan: (request) => ({
      changes: [],
      printed: texts(request),
      takesEffect: parts.takesEffect,
      enforcement: request.isEnforced ? enforcement : '',
      unenforced: request.isEnforced ? unenforced : undefined,
      notes: parts.notes,
    }),
    canWrite: () => false,
  };
}

function indented(text: string, by: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(by));
}
