import { ControlError } from '../operations/control-error.ts';
import type { TagHistoryControl, TagHistoryView } from '../operations/policy-control.ts';
import { parseStoredName } from './stored-name.ts';
import type { TagHistories } from './tag-histories.ts';

/** What tags have named before, for operators. */
export class LocalTagHistories implements TagHistoryControl {
  readonly #histories: TagHistories;

  constructor(histories: TagHistories) {
    this.#histories = histories;
  }

  async tagHistory(name: string): Promise<TagHistoryView> {
    const { repository, reference } = parseStoredName(name);
    if (reference.kind === 'digest') throw new ControlError('invalid', `${name}: only tags have a history`);
    const history = await this.#histories.of(repository, reference.tag);
    if (history.length === 0) throw new ControlError('not-found', `${name} was never seen at an upstream`);
    const digests = history.map(({ digest, firstSeen, lastConfirmed, gone }) => ({
      ...{ digest, firstSeen, lastConfirmed },
      ...(gone !== undefined && { gone }),
    }));
    return { name, digests };
  }
}
