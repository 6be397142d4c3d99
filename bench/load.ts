import { findProgram } from '../test/support/programs.ts';
import { runProgram } from '../test/support/processes.ts';

export interface Load {
  readonly requests: number;
  /** As measured. */
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  /** 99th percentile. Milliseconds. */
  readonly p99Ms: number;
  readonly errors: number;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
}

/** As Docker sends it; distribution hides an OCI manifest from a client that does not name it. */
const ACCEPT = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*';

/** Debian's wrk with one thread; undefined where it is missing. */
export async function load(url: string, { connections, seconds }: LoadOptions): Promise<Load | undefined> {
  const wrk = await findProgram('wrk');
  if (wrk === undefined) return undefined;
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '30s',
    '--latency',
    '-H',
    `Accept: ${ACCEPT}`,
    url,
  ];
  const { stdout } = await runProgram(wrk, args);
  return {
    requests: number(/(\d+) requests in /, stdout),
    seconds: scaled(/ requests in ([\d.]+)(\w+)/, stdout, { ms: 0.001, s: 1, m: 60 }),
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/, stdout),
    bytesPerSecond: scaled(/Transfer\/sec:\s+([\d.]+)(\w+)/, stdout, { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }),
    p99Ms: scaled(/99%\s+([\d.]+)(\w+)/, stdout, { us: 0.001, ms: 1, s: 1000, m: 60_000 }),
    errors: number(/Non-2xx or 3xx responses: (\d+)/, stdout, 0),
  };
}

function number(pattern: RegExp, text: string, absent = Number.NaN): number {
  const [, found] = pattern.exec(text) ?? [];
  return found === undefined ? absent : Number(found);
}

function scaled(pattern: RegExp, text: string, units: Readonly<Record<string, number>>): number {
  const [, amount = '', unit = ''] = pattern.exec(text) ?? [];
  return Number(amount) * (units[unit] ?? Number.NaN);
}
