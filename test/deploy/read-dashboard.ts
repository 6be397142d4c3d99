import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The parts of a dashboard that tests read. */
export interface DashboardJson {
  readonly panels: readonly {
    readonly type: string;
    readonly title: string;
    readonly description?: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly query: string }[] };
}

export const DEPLOY = join(import.meta.dirname, '../../deploy');

export async function readDashboard(): Promise<DashboardJson> {
  return JSON.parse(await readFile(join(DEPLOY, 'grafana/layover.json'), 'utf8')) as DashboardJson;
}

/** Every query of every panel. */
export function panelQueries({ panels }: DashboardJson): { title: string; expr: string; legend: string }[] {
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ title, expr, legend: legendFormat })),
  );
}
