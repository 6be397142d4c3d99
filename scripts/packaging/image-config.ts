import type { Architecture } from './architecture.ts';
import { IMAGE_USER } from './base-system.ts';
import type { Layer } from './layer.ts';

export interface ImageFacts {
  readonly version: string;
  /** Commit. Absent outside of a repository. */
  readonly revision: string | undefined;
  /** Seconds since 1970. */
  readonly epoch: number;
}

const SECOND = 1_000_000_000;

/** As in the Dockerfile; a test compares them. */
const RUNTIME = {
  User: `${IMAGE_USER}:${IMAGE_USER}`,
  WorkingDir: '/opt/layover',
  Env: [
    'PATH=/usr/bin:/bin',
    'NODE_ENV=production',
    'LAYOVER_CONFIGURATION_PLACES=/etc/distribution/config.yml:/etc/docker/registry/config.yml',
  ],
  Entrypoint: ['/bin/layover'],
  Cmd: ['serve'],
  ExposedPorts: { '5000/tcp': {}, '5001/tcp': {} },
  Volumes: { '/var/lib/registry': {} },
  StopSignal: 'SIGTERM',
  // Not part of OCI's specification; Docker reads it from images of both formats.
  Healthcheck: {
    Test: ['CMD', 'layover', 'healthcheck'],
    ...{ Interval: 10 * SECOND, Timeout: 5 * SECOND, StartPeriod: 10 * SECOND },
  },
};

/** @see https://specs.opencontainers.org/image-spec/config/ */
export function imageConfig(architecture: Architecture, layers: readonly Layer[], facts: ImageFacts) {
  const created = new Date(facts.epoch * 1000).toISOString();
  return {
    ...{ created, architecture, os: 'linux' },
    config: { ...RUNTIME, Labels: labelsOf(facts) },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: 'npm run image' })),
  };
}

/** Also the annotations of the image index. @see https://specs.opencontainers.org/image-spec/annotations/ */
export function labelsOf({ version, revision, epoch }: ImageFacts): Readonly<Record<string, string>> {
  return {
    'org.opencontainers.image.title': 'layover',
    'org.opencontainers.image.description': 'Pull-through cache and registry for container images',
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.created': new Date(epoch * 1000).toISOString(),
    ...(revision && { 'org.opencontainers.image.revision': revision }),
  };
}
