import { join } from 'node:path';
import type { Environment } from './environment.ts';
import { resolveTracing } from './resolve-tracing.ts';
import { DEFAULT_LEVEL } from './schema/log.ts';
import type { Sections } from './schema/schema.ts';

/** Combines the sections: defaults and decisions that depend on more than one. `env` has OpenTelemetry's variables. */
export function resolveConfig(sections: Sections, env: Environment) {
  const { storage, log, loglevel, redis, catalog, tags, policy, proxy, admin, ui, health, http } = sections;
  return {
    log: { ...log, level: log.level ?? loglevel ?? DEFAULT_LEVEL },
    storage: resolveStorage(sections, env),
    auth: resolveAuth(sections),
    redis,
    descriptors: resolveDescriptors(sections),
    http,
    health,
    notifications: resolveNotifications(sections),
    /** Largest page of `/v2/_catalog`. */
    catalogMaxEntries: catalog.maxentries,
    /** Largest page of `tags/list`. */
    tagsMaxEntries: tags.maxtags,
    proxy,
    /** What clients may do to hosted content. */
    push: {
      deletes: storage.hasDeletes,
      /** Absent when a manifest may refer to missing content. */
      validation: sections.validation,
      /** Allowed classes of an image's config. Empty: any. */
      classes: policy.repository.classes ?? [],
    },
    /** Content that no client gets. */
    deny: policy.deny,
    /** Which content of upstreams clients get. Absent: all of it. */
    admission: policy.admission,
    tracing: resolveTracing(sections.tracing, env),
    admin,
    ui,
    /** Absent when pulls are not recorded. */
    audit: resolveAudit(sections),
    /** Keeps decisions about private repositories. Absent for storage without a directory. */
    accessFile: resolveAccessFile(sections),
  };
}

const WITH_URLS: ReadonlySet<string> = new Set(['s3', 'gcs', 'azure']);

function resolveStorage({ storage, middleware: { storage: middleware = [] } }: Sections, env: Environment) {
  const { descriptors: _descriptors, hasDeletes: _hasDeletes, canRedirect, ...rest } = storage;
  const hasUrls = WITH_URLS.has(storage.driver.kind) || middleware.some(({ kind }) => kind === 'redirect');
  return { ...rest, driver: resolveDriver(storage.driver, env), middleware, redirect: hasUrls && canRedirect };
}

function resolveDriver(driver: Sections['storage']['driver'], env: Environment) {
  if (driver.kind === 'azure') {
    const { credentials, ...rest } = driver;
    return { ...rest, credentials: credentials.kind === 'default' ? azureIdentity(credentials, env) : credentials };
  }
  if (driver.kind !== 'gcs') return driver;
  const { credentials, ...rest } = driver;
  return { ...rest, credentials: credentials.kind === 'default' ? defaultCredentials(env) : credentials };
}

/** As Google's libraries find them. */
function defaultCredentials({ GOOGLE_APPLICATION_CREDENTIALS: path, GCE_METADATA_HOST: host }: Environment) {
  return path ? { kind: 'file' as const, path } : { kind: 'metadata' as const, host: host || undefined };
}

/** In the order of Azure's libraries: a client secret, a token of Kubernetes, the identity of the machine. */
function azureIdentity({ clientId: given }: { readonly clientId: string | undefined }, env: Environment) {
  const clientId = given ?? env['AZURE_CLIENT_ID'];
  const tenantId = env['AZURE_TENANT_ID'];
  const authority = env['AZURE_AUTHORITY_HOST'];
  const [secret, tokenFile] = [env['AZURE_CLIENT_SECRET'], env['AZURE_FEDERATED_TOKEN_FILE']];
  if (clientId && tenantId && secret) return { kind: 'client_secret' as const, clientId, tenantId, secret, authority };
  if (clientId && tenantId && tokenFile) {
    return { kind: 'workload_identity' as const, clientId, tenantId, tokenFile, authority };
  }
  return { kind: 'managed_identity' as const, clientId };
}

function resolveAuth({ auth, storage }: Sections) {
  if (!auth?.issuer) return auth;
  const keyFile = auth.issuer.keyFile ?? inStorageDirectory(storage.driver, 'token-keys.pem');
  return { ...auth, issuer: { ...auth.issuer, keyFile } };
}

/** Sizes of blobs, cached in memory, and in Redis as well when `shared`. */
function resolveDescriptors({ storage: { descriptors }, redis }: Sections) {
  return { shared: descriptors.isShared && redis !== undefined, maxEntries: descriptors.maxEntries };
}

function resolveNotifications({ notifications, storage }: Sections) {
  if (notifications === undefined) return undefined;
  const { queue } = notifications;
  const directory = queue.directory ?? inStorageDirectory(storage.driver, 'events');
  return { ...notifications, queue: { ...queue, directory } };
}

function resolveAudit({ audit, storage }: Sections) {
  if (!audit) return undefined;
  const { driver, indexDirectory } = storage;
  // An operator who has the index elsewhere wants no open files in the storage.
  const withIndex = indexDirectory === undefined ? inStorageDirectory(driver, 'pulls') : join(indexDirectory, 'pulls');
  return { ...audit, directory: audit.directory ?? withIndex };
}

function resolveAccessFile({ storage: { driver, indexDirectory } }: Sections): string | undefined {
  return indexDirectory === undefined ? inStorageDirectory(driver, 'access.json') : join(indexDirectory, 'access.json');
}

/** A path for Layover's own files. Undefined for drivers without a directory. */
function inStorageDirectory(driver: Sections['storage']['driver'], name: string): string | undefined {
  return driver.kind === 'filesystem' ? join(driver.rootDirectory, 'layover', name) : undefined;
}
