import { ControlError } from './control-error.ts';
import type { PullRecord } from '../audit/pull-record.ts';

/** Who pulled what: the same interface in the process and over the admin API. */
export interface PullLog {
  findPulls(query: PullQuery): Promise<PullPage>;
}

export interface PullQuery {
  /** A glob for stored name and tag, as for pins, or without `*` and `:` a part of the name. */
  readonly image?: string | undefined;
  /** Of the manifest, or of the index that it was pulled from. */
  readonly digest?: string | undefined;
  /** Name of the client, its IP address, or a network in CIDR notation. */
  readonly client?: string | undefined;
  /** Only later pulls. Unix milliseconds. */
  readonly since?: number | undefined;
  readonly limit?: number | undefined;
  /** Cursor from the previous page. */
  readonly cursor?: string | undefined;
}

export interface PullPage {
  /** The newest first. There may be none on a page that is not the last. */
  readonly pulls: readonly PullRecord[];
  /** Absent on the last page. */
  readonly cursor?: string | undefined;
}

/** The log of a service that does not record pulls. */
export const NO_PULL_LOG: PullLog = {
  async findPulls() {
    throw new ControlError('not-found', 'pulls are not recorded: audit.keep is off');
  },
};
