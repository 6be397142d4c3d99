import { describe, expect, it } from 'vitest';

import { readList } from '../../src/lists/read-list.ts';

function namesIn(text: string, file = 'standard input'): string[] {
  const { images, problems } = readList(text, file);
  expect(problems).toEqual([]);
  return images.map(({ name }) => name);
}

function problemsIn(text: string, file = 'list.yaml'): string[] {
  return readList(text, file).problems.map(({ origin, message }) => `${origin}: ${message}`);
}

describe('a text list', () => {
  it('has one name on each line, and comments', () => {
    const text =
      '# of k3s\ndocker.io/rancher/pause:3.6\r\n\n  alpine:3.20 # small\ndocker://localhost:5000/app@sha256:0a';
    const names = ['docker.io/rancher/pause:3.6', 'alpine:3.20', 'localhost:5000/app@sha256:0a'];
    expect(namesIn(text)).toEqual(names);
    expect(namesIn(text, 'dir/k3s-images.txt')).toEqual(names);
  });

  it('names the line that is something else', () => {
    expect(problemsIn('alpine\nalpine latest', 'images.txt')).toEqual([
      'images.txt: line 2: more than one word (one image on each line)',
    ]);
  });
});

const CRON_JOB = `apiVersion: batch/v1
kind: CronJob
spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: busybox:1.10}]}}}}}`;

describe('Kubernetes objects', () => {
  it('have images in every kind of container, image volumes and the environment of operators', () => {
    const text = `apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  initContainers: [{name: a, image: init}]
  containers:
    - {name: b, image: "registry.k8s.io/pause:3.10", env: [{name: RELATED_IMAGE_X, value: quay.io/x/related:1}]}
  ephemeralContainers: [{name: c, image: debug:1}]
  volumes: [{name: d, image: {reference: ghcr.io/x/volume:1, pullPolicy: Always}}]
---
# nothing
---
${CRON_JOB}`;
    expect(namesIn(text)).toEqual([
      'init',
      'registry.k8s.io/pause:3.10',
      'quay.io/x/related:1',
      'debug:1',
      'ghcr.io/x/volume:1',
      'busybox:1.10',
    ]);
  });

  it('have them in lists, in JSON, and in custom resources as text or in parts', () => {
    expect(namesIn(`kind: List\nitems:\n- ${CRON_JOB.replaceAll('\n', '\n  ')}`)).toEqual(['busybox:1.10']);
    expect(namesIn('{"kind": "Pod", "spec": {"containers": [{"image": "a/b"}]}}')).toEqual(['a/b']);
    const custom = `kind: Prometheus
spec:
  image: quay.io/prometheus/prometheus:v3.0.0
  logo: {image: logo.png}
  sidecar: {image: {registry: ghcr.io, repository: x/sidecar, tag: 1.10}}
  other: {image: {repository: x/other, digest: "sha256:0a"}}`;
    expect(namesIn(custom)).toEqual([
      'quay.io/prometheus/prometheus:v3.0.0',
      'ghcr.io/x/sidecar:1.10',
      'x/other@sha256:0a',
    ]);
  });

  it('name the object of each image, and a damaged document costs only itself', () => {
    const { images } = readList('kind: Deployment\nmetadata: {name: web}\nspec: {containers: [{image: a}]}', 'x.yaml');
    expect(images).toEqual([{ name: 'a', origin: 'x.yaml: Deployment web' }]);
    const broken = 'containers: [{image: a}]\n---\nimage: [\n---\ncontainers: [{image: b}]';
    const found = readList(broken, 'x.yaml');
    expect(found.images.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(found.problems).toMatchObject([{ origin: 'x.yaml: document 2' }]);
    expect(problemsIn('kind: Pod\ncontainers:\n- image: {{ .Values.image }}', 'x.yaml')).toEqual([
      'x.yaml: Pod: an image that is not text (render templates first, as with helm template)',
    ]);
  });
});

describe('a compose file', () => {
  it('has the images of services that are not built, with the defaults of variables', () => {
    const text = [
      'x-base: &base {image: "postgres:${PG-16}"}',
      'services:',
      '  db: {<<: *base}',
      '  web: {image: "nginx:${TAG:-1.27}"}',
      '  own: {image: own:1, build: .}',
      '  bad: {image: "x:${UNSET}"}',
    ].join('\n');
    const { images, problems } = readList(text, 'compose.yml');
    expect(images.map(({ name }) => name)).toEqual(['postgres:16', 'nginx:1.27']);
    expect(problems).toEqual([
      { origin: 'compose.yml: service bad', message: 'x:${UNSET}: the variable UNSET has no default' },
    ]);
  });
});

describe('a Dockerfile', () => {
  it('has the images it is built from, and stages are not images', () => {
    const text = [
      '# syntax=docker/dockerfile:1.7',
      'ARG VERSION=22 VARIANT="slim"',
      'ARG BASE=node:$VERSION-${VARIANT:-alpine}',
      'FROM --platform=$BUILDPLATFORM ${BASE} AS Build',
      'RUN --mount=type=cache,target=/x --mount=type=bind,from=tools/kit:2,source=/a,target=/a \\',
      '    # a comment',
      '    make',
      'RUN <<END',
      'FROM not-an-image',
      'END',
      'FROM scratch',
      'COPY --chown=1 --from=build /a /a',
      'COPY --from=0 /b /b',
      'COPY --from=ghcr.io/x/y:1 /c /c',
      'FROM build',
    ].join('\n');
    const names = ['docker/dockerfile:1.7', 'node:22-slim', 'tools/kit:2', 'ghcr.io/x/y:1'];
    expect(namesIn(text, 'docker/Dockerfile.web')).toEqual(names);
    expect(namesIn(text)).toEqual(names);
  });

  it('names an argument without a default', () => {
    expect(problemsIn('ARG TAG\nFROM alpine:$TAG\nFROM debian', 'Dockerfile')).toEqual([
      'Dockerfile: line 2: alpine:$TAG: the argument TAG has no default',
    ]);
  });
});

describe('lists of other tools', () => {
  it('of hauler are read for their images', () => {
    const text = `apiVersion: content.hauler.cattle.io/v1
kind: Images
spec: {images: [{name: rancher/k3s:v1, platform: linux/amd64}, {}]}
---
apiVersion: content.hauler.cattle.io/v1
kind: Charts
spec: {charts: [{name: rancher}]}`;
    const { images, problems } = readList(text, 'hauler.yaml');
    expect(images.map(({ name }) => name)).toEqual(['rancher/k3s:v1']);
    expect(problems).toEqual([{ origin: 'hauler.yaml: Images', message: 'an image without a name' }]);
  });

  it('of skopeo sync have hosts with tags and digests, and rules that select tags are named', () => {
    const text = `docker.io:
  tls-verify: true
  images: {library/alpine: ["3.20", 3.10, "sha256:0a"], library/all: []}
quay.io:
  images-by-tag-regex: {x/y: ^1}`;
    const { images, problems } = readList(text, 'sync.yaml');
    const alpine = 'docker.io/library/alpine';
    expect(images.map(({ name }) => name)).toEqual([`${alpine}:3.20`, `${alpine}:3.10`, `${alpine}@sha256:0a`]);
    expect(problems.map(({ origin }) => origin)).toEqual([
      'sync.yaml: docker.io/library/all',
      'sync.yaml: quay.io/x/y',
    ]);
  });
});

describe('hostile YAML', () => {
  it('with aliases that multiply is refused', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 30; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    expect(problemsIn(lines.join('\n'))).toEqual([
      expect.stringMatching(/^list\.yaml: document 1: not valid YAML: .*alias/i),
    ]);
  });

  it('that is nested without end, or contains itself, ends', () => {
    for (const text of ['[', '- ', '{a: ', '? ']) {
      expect(problemsIn(text.repeat(1_000_000))).toEqual(['list.yaml: nested more than 100 levels deep']);
    }
    expect(namesIn('&a {kind: X, self: *a, containers: [{image: b}]}', 'x.yaml')).toEqual(['b']);
  });

  it('with blank lines or one long line is read to its end', () => {
    expect(namesIn('\n'.repeat(2_000_000))).toEqual([]);
    expect(namesIn(`image: ${'a/'.repeat(500_000)}`, 'x.yaml')).toEqual([]);
  });
});
