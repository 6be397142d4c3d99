/** What a client needs to use the store; the names of the variables are those of distribution's BUILDING page. */
export interface Settings {
  readonly endpoint: string;
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** The values in `tests/conf-local-cloud.yml`. */
const SAMPLE = {
  endpoint: 'http://127.0.0.1:9000',
  region: 'us-east-1',
  bucket: 'images-local',
  accessKey: 'distribution',
  secretKey: 'password',
} as const;

const REGISTRY_VARIABLES = {
  endpoint: 'REGISTRY_STORAGE_S3_REGIONENDPOINT',
  region: 'REGISTRY_STORAGE_S3_REGION',
  bucket: 'REGISTRY_STORAGE_S3_BUCKET',
  accessKey: 'REGISTRY_STORAGE_S3_ACCESSKEY',
  secretKey: 'REGISTRY_STORAGE_S3_SECRETKEY',
} as const;

/** Runs the sample configuration on the store, with a variable for each value that is not the sample's. */
export function registryCommand(settings: Settings): string {
  const names = Object.keys(SAMPLE) as (keyof typeof SAMPLE)[];
  const changed = names.filter((name) => settings[name] !== SAMPLE[name]);
  const variables = changed.map((name) => `${REGISTRY_VARIABLES[name]}=${settings[name]}`);
  return [...variables, './bin/registry serve tests/conf-local-cloud.yml'].join(' ');
}

/** @throws {Error} when `REGION_ENDPOINT` is not an http URL of this machine */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const endpoint = env['REGION_ENDPOINT'] || SAMPLE.endpoint;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== 'http:' || !['127.0.0.1', 'localhost'].includes(url.hostname))
    throw new Error(`REGION_ENDPOINT: ${endpoint} is not on this machine (use http://127.0.0.1:<port>)`);
  return {
    endpoint,
    host: url.hostname,
    port: Number(url.port || 80),
    region: env['AWS_REGION'] || SAMPLE.region,
    bucket: env['S3_BUCKET'] || SAMPLE.bucket,
    accessKey: env['AWS_ACCESS_KEY'] || SAMPLE.accessKey,
    secretKey: env['AWS_SECRET_KEY'] || SAMPLE.secretKey,
  };
}
