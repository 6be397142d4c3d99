import type { Config, CredentialsConfig, HttpHealthCheck, UpstreamConfig } from './config.ts';

const REDACTED = '***';

/** A copy that can be logged and turned into JSON: no passwords, tokens or credentials in URLs. */
export function redactedConfig(config: Config): Record<string, unknown> {
  const { health, proxy } = config;
  return {
    ...config,
    health: { ...health, http: health.http.map(redactCheck) },
    proxy: proxy && { ...proxy, upstreams: proxy.upstreams.map(redactUpstream) },
  };
}

function redactCheck(check: HttpHealthCheck): HttpHealthCheck {
  return { ...check, uri: redactUrl(check.uri), headers: redactValues(check.headers) };
}

function redactUpstream(upstream: UpstreamConfig) {
  return {
    ...upstream,
    credentials: upstream.credentials.map(redactCredentials),
    tags: { ...upstream.tags, rules: upstream.tags.rules.map((rule) => ({ ...rule, match: rule.match.source })) },
    httpProxy: upstream.httpProxy && redactUrl(upstream.httpProxy),
  };
}

function redactCredentials(credentials: CredentialsConfig): CredentialsConfig {
  return credentials.kind === 'static' ? { ...credentials, password: REDACTED } : credentials;
}

function redactValues(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(headers).map((key) => [key, REDACTED]));
}

function redactUrl(text: string): string {
  const url = new URL(text);
  if (url.username) url.username = REDACTED;
  if (url.password) url.password = REDACTED;
  return url.href;
}
