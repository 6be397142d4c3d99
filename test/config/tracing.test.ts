import { describe, expect, it } from 'vitest';

import type { Environment } from '../../src/config/environment.ts';
import { load, MINIMAL, warningsOf } from './config-file.ts';

const tracingOf = async (text: string, env: Environment = {}) => (await load(`${MINIMAL}${text}`, env)).config.tracing;

const COLLECTOR = 'http://collector:4318';

describe('traces', () => {
  it.each<[title: string, text: string, env: Environment]>([
    ['nothing turns them on', '', {}],
    ['there is only a service name', '', { OTEL_SERVICE_NAME: 'a' }],
    ['the file turns them off', 'tracing: {enabled: false}', { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR }],
    ['the SDK is disabled', '', { OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'otlp' }],
    ['there is no exporter', '', { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR }],
    ['the endpoint is not a URL', '', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }],
  ])('are off when %s', async (_title, text, env) => {
    expect(await tracingOf(text, env)).toBeUndefined();
  });

  it.each<[title: string, text: string, env: Environment, url: string]>([
    ['the file', 'tracing: {enabled: true}', {}, 'http://localhost:4318/v1/traces'],
    ['an endpoint in the file', `tracing: {endpoint: "${COLLECTOR}/"}`, {}, `${COLLECTOR}/v1/traces`],
    ['a whole address in the file', `tracing: {endpoint: "${COLLECTOR}/v1/traces"}`, {}, `${COLLECTOR}/v1/traces`],
    ['REGISTRY_TRACING_ENABLED', '', { REGISTRY_TRACING_ENABLED: 'true' }, 'http://localhost:4318/v1/traces'],
    ['OTEL_TRACES_EXPORTER', '', { OTEL_TRACES_EXPORTER: 'otlp' }, 'http://localhost:4318/v1/traces'],
    ['a shared endpoint', '', { OTEL_EXPORTER_OTLP_ENDPOINT: `${COLLECTOR}/a` }, `${COLLECTOR}/a/v1/traces`],
    [
      'an endpoint for traces, as it is written',
      '',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${COLLECTOR}/a`, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://other' },
      `${COLLECTOR}/a`,
    ],
    [
      'the file before the environment',
      `tracing: {endpoint: "${COLLECTOR}"}`,
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other', OTEL_TRACES_EXPORTER: 'none' },
      `${COLLECTOR}/v1/traces`,
    ],
  ])('are turned on by %s', async (_title, text, env, url) => {
    expect((await tracingOf(text, env))?.url).toBe(url);
  });

  it('follow the environment where the file has no value', async () => {
    const env = {
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1, b=x%3Dy,broken,=3',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=2=3,c=100%',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=named,zone=a',
    };
    expect(await tracingOf('', env)).toEqual({
      url: 'http://localhost:4318/v1/traces',
      headers: { a: '2=3', b: 'x=y', c: '100%' },
      timeoutMs: 2500,
      serviceName: 'named',
      resource: { 'service.name': 'named', zone: 'a' },
      sampler: { ratio: 1, isParentBased: true },
      propagateTo: [],
    });
    const text =
      'tracing: {headers: {b: [3, 4]}, timeout: 1s, servicename: filed, samplerratio: 0.25, propagateto: [a]}';
    expect(
      await tracingOf(text, { ...env, OTEL_SERVICE_NAME: 'other', OTEL_TRACES_SAMPLER: 'always_off' }),
    ).toMatchObject({
      headers: { a: '2=3', b: '3, 4', c: '100%' },
      timeoutMs: 1000,
      serviceName: 'filed',
      sampler: { ratio: 0.25, isParentBased: true },
      propagateTo: ['a'],
    });
  });

  it.each([
    ['always_on', undefined, { ratio: 1, isParentBased: false }],
    ['always_off', undefined, { ratio: 0, isParentBased: false }],
    ['traceidratio', '0.5', { ratio: 0.5, isParentBased: false }],
    ['parentbased_always_off', undefined, { ratio: 0, isParentBased: true }],
    ['parentbased_traceidratio', '0.1', { ratio: 0.1, isParentBased: true }],
    ['parentbased_traceidratio', 'much', { ratio: 1, isParentBased: true }],
    ['toString', undefined, { ratio: 1, isParentBased: true }],
  ])('are sampled with OTEL_TRACES_SAMPLER=%s %s', async (name, argument, sampler) => {
    const env = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument };
    expect((await tracingOf('', env))?.sampler).toEqual(sampler);
  });

  it('warn about unsupported settings', async () => {
    expect(await warningsOf(MINIMAL, { OTEL_TRACES_EXPORTER: 'zipkin' })).toEqual([
      'OTEL_TRACES_EXPORTER: not supported; use otlp or none',
    ]);
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'xray' };
    expect(await warningsOf(`${MINIMAL}tracing: {enabled: true, propagateto: [ghcr.io]}`, env)).toEqual([
      'OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not supported; traces are sent by HTTP, usually to port 4318',
      'OTEL_TRACES_SAMPLER: unknown sampler, every trace is sampled; use one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio',
      'tracing.propagateto: upstream ghcr.io is not configured (add it to proxy.upstreams)',
    ]);
  });
});
