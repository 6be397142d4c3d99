import { describe, expect, it } from 'vitest';

import { HELM, valuesOf } from './helm.ts';

const SHARED = ['--values', valuesOf('autoscaling')];
const set = (...values: readonly string[]) => values.flatMap((value) => ['--set', value]);

const REFUSED: readonly [what: string, args: readonly string[], message: RegExp][] = [
  ['several replicas on a volume', set('replicas=2'), /replicas: several replicas need mode shared/],
  ['autoscaling on a volume', set('autoscaling.enabled=true'), /autoscaling\.enabled: .* mode disk has one replica/],
  ['replicas without S3', set('mode=shared', 'redis.addrs={r:1}'), /s3\.bucket: mode shared/],
  ['a bucket without a region', set('mode=shared', 's3.bucket=b', 'redis.addrs={r:1}'), /s3\.region: /],
  ['replicas without Redis', set('mode=shared', 's3.bucket=b', 's3.region=r'), /redis\.addrs: /],
  ['certificates of replicas', [...SHARED, ...set('tls.existingSecret=t')], /tls: replicas reach each other/],
  [
    'an issuer without a key for replicas',
    [...SHARED, ...set('config.auth.issuer.service=a')],
    /auth\.issuerKeySecret/,
  ],
  ['a port that probes do not know', set('config.http.debug.addr=:1'), /config\.http\.debug\.addr: .*networkPolicy/],
  ['a drain that the grace period does not know', set('config.http.draintimeout=9m'), /drain\.timeoutSeconds/],
  ['a secret in the ConfigMap', set('config.redis.password=x'), /config\.redis\.password: .*redis\.existingSecret/],
  [
    'a password of an upstream in the ConfigMap',
    set('config.proxy.upstreams[0].credentials[0].password=x'),
    /a password does not belong into a ConfigMap/,
  ],
  [
    'two lists of upstreams',
    set('config.proxy.upstreams[0].remoteurl=https://a.test', 'upstreams[0].remoteurl=https://b.test'),
    /config\.proxy\.upstreams: upstreams is set as well/,
  ],
  [
    'credentials from nowhere',
    set('upstreams[0].remoteurl=https://a.test', 'upstreams[0].credentials.username=u'),
    /set existingSecret/,
  ],
  ['rules without users', set('auth.policy[0].actions={pull}'), /auth\.policy: rules need users/],
  ['an Ingress for every host', set('ingress.enabled=true'), /ingress\.hosts: /],
  ['a route without a Gateway', set('gateway.enabled=true'), /gateway\.parentRefs: /],
  ['a monitor without metrics', set('metrics.enabled=false', 'metrics.podMonitor.enabled=true'), /metrics\.enabled: /],
  ['a Certificate without an issuer', set('tls.certManager.enabled=true'), /issuerRef\.name: /],
  ['nodes without an address', set('nodeConfig.enabled=true'), /nodeConfig\.address: nodes need an address/],
  [
    'node addresses that no certificate names',
    set('nodeConfig.enabled=true', 'nodeAccess.type=nodePort', 'tls.existingSecret=t'),
    /nodeConfig\.address: with TLS/,
  ],
  ['Kubernetes before 1.29', ['--kube-version', '1.28.9'], /kubeVersion/],
  ['an unknown value', set('image.tags=1'), /image.*tags/s],
  ['an unknown value at the top', set('replicaCount=1'), /replicaCount/],
  ['a number that is text', ['--set-string', 'replicas=1'], /replicas/],
  ['an unknown mode', set('mode=cluster'), /mode/],
  ['a size without a known unit', set('persistence.size=10GB'), /persistence.*size/s],
  ['an address that is not a URL', set('nodeConfig.address=cache.example.com'), /nodeConfig.*address/s],
  ['a registry that leaves its directory', set('nodeConfig.registries={../../cron.d}'), /nodeConfig.*registries/s],
];

describe.runIf(HELM)('the chart refuses', () => {
  it.each(REFUSED)('%s, and names the value', async (_, args, message) => {
    await expect(HELM?.template(...args)).rejects.toThrow(message);
  });
});
