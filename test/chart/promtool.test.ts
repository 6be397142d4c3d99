import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import { createMetrics } from '../../src/telemetry/metrics.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { withoutVariables } from '../deploy/promql.ts';
import { DEPLOY, panelQueries, readDashboard } from '../deploy/read-dashboard.ts';

const promtool = await findProgram('promtool');
if (!promtool)
  console.warn('skipped: no promtool, as Debian’s prometheus could not be unpacked (npm run test:chart says why)');
const rules = join(DEPLOY, 'prometheus/rules.yml');

/** Each case of an alert has a storage of its own: to collect those as garbage takes promtool half of its time. */
const ENV = { ...programEnvironment(), GOGC: 'off', GOMEMLIMIT: '512MiB', GOMAXPROCS: '1' };

/** Its output when it fails. */
async function problemsOf(args: readonly string[], stdin = ''): Promise<string> {
  const child = spawn(promtool ?? '', args, { env: ENV });
  child.stdin.end(stdin);
  const [[code], ...output] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return code === 0 ? '' : output.join('');
}

describe.skipIf(!promtool)('promtool', () => {
  it('accepts the rules', async () => {
    expect(await problemsOf(['check', 'rules', rules])).toBe('');
  });

  it('sees every alert fire and not fire in its cases', async () => {
    const folder = join(DEPLOY, 'prometheus/tests');
    const files = (await readdir(folder)).map((file) => join(folder, file));
    expect(await problemsOf(['test', 'rules', ...files])).toBe('');
  }, 240_000);

  it('accepts every expression of the dashboard, as a rule', async () => {
    await using directory = await temporaryDirectory();
    const recorded = panelQueries(await readDashboard()).map(({ expr }, index) => ({
      record: `panel:${index}`,
      expr: withoutVariables(expr),
    }));
    const file = join(directory.path, 'panels.yml');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'panels', rules: recorded }] }));
    expect(await problemsOf(['check', 'rules', file])).toBe('');
  });

  it('finds the names and help of metrics right, but for names of distribution', async () => {
    const page = (await createMetrics().render()).text;
    const problems = (await problemsOf(['check', 'metrics'], page)).split('\n').filter((line) => line !== '');
    expect(problems.filter((line) => !line.startsWith('registry_notifications_pending_total '))).toEqual([]);
  });
});
