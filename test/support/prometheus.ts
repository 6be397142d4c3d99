import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort, RunningProcess } from './processes.ts';
import { programEnvironment } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface PrometheusOptions {
  /** Path of the program. */
  readonly program: string;
  readonly rules: string;
  /** `host:port` of what it scrapes each second, as job `layover`. */
  readonly target: string;
}

/** An alert that is pending or firing. */
interface ActiveAlert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface RuleState {
  readonly name: string;
  /** `unknown` before its first evaluation. */
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
}

/** A real Prometheus with one target. */
export async function startPrometheus({ program, rules, target }: PrometheusOptions) {
  const directory = await temporaryDirectory();
  const file = join(directory.path, 'prometheus.yml');
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [rules],
    scrape_configs: [{ job_name: 'layover', static_configs: [{ targets: [target] }] }],
  };
  await writeFile(file, JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const flags = {
    'config.file': file,
    'storage.tsdb.path': join(directory.path, 'data'),
    'web.listen-address': address,
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const server = await RunningProcess.start(program, args, { env: programEnvironment() });
  await server.waitForOutput(/Server is ready to receive web requests/);
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://${address}/api/v1/${path}`);
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  return {
    /** How many time series an expression has now. @throws {Error} when Prometheus does not accept it */
    count: async (expr: string) =>
      (await get<{ result: unknown[] }>(`query?query=${encodeURIComponent(expr)}`)).result.length,
    rules: async () =>
      (await get<{ groups: { rules: RuleState[] }[] }>('rules')).groups.flatMap((group) => group.rules),
    alerts: async () => (await get<{ alerts: ActiveAlert[] }>('alerts')).alerts,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}
