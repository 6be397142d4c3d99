import type { PullRecord } from '../../src/audit/pull-record.ts';
import { RemoteControl } from '../../src/admin/remote-control.ts';
import type { PullQuery } from '../../src/operations/pull-log.ts';
import type { Layover } from '../support/layover.ts';

/** Recorded pulls, the newest first, by the admin API on the socket. A response is recorded shortly after the client has it. */
export async function recordedPulls(
  { dataDirectory }: Pick<Layover, 'dataDirectory'>,
  query: PullQuery = {},
): Promise<readonly PullRecord[]> {
  const control = new RemoteControl({ url: `unix:${dataDirectory}/layover/admin.sock` });
  return (await control.findPulls({ limit: 1_000, ...query })).pulls;
}
