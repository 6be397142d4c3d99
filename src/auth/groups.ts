import type { AuthConfig } from '../config/config.ts';
import type { AuthEvents } from './auth-events.ts';
import { AuthFile } from './auth-file.ts';

const MAX_BYTES = 1024 * 1024;

/** Groups by user. */
export type Memberships = ReadonlyMap<string, readonly string[]>;

/** The groups of users, from the configuration and from a file. */
export class Groups {
  readonly #configured: Memberships;
  readonly #file: AuthFile<Memberships> | undefined;

  private constructor(configured: Memberships, file: AuthFile<Memberships> | undefined) {
    this.#configured = configured;
    this.#file = file;
  }

  /** @throws {Error} when the file cannot be used */
  static async open(
    { groups, groupFile }: Pick<AuthConfig, 'groups' | 'groupFile'>,
    { events, now }: { events: AuthEvents; now: () => number },
  ): Promise<Groups> {
    const key = 'groupfile';
    const parse = (bytes: Buffer) => {
      const { groups: read, ignored } = parseGroups(bytes.toString('utf8'));
      for (const line of ignored)
        events.lineSkipped({ key, path: String(groupFile), line, reason: 'not group: users' });
      return { value: byMember(read), entries: read.length };
    };
    const file = groupFile && (await AuthFile.open({ key, path: groupFile, maxBytes: MAX_BYTES, parse, events, now }));
    return new Groups(byMember(Object.entries(groups)), file || undefined);
  }

  of(user: string): readonly string[] | Promise<readonly string[]> {
    const configured = this.#configured.get(user) ?? [];
    const read = this.#file?.get();
    if (read === undefined) return configured;
    const joined = (file: Memberships) => [...configured, ...(file.get(user) ?? [])];
    return read instanceof Promise ? read.then(joined) : joined(read);
  }
}

type GroupList = readonly (readonly [group: string, users: readonly string[]])[];

/** The format of Apache's `AuthGroupFile`: `team: alice bob`. A group may have several lines. */
function parseGroups(text: string): { readonly groups: GroupList; readonly ignored: readonly number[] } {
  const groups: [string, string[]][] = [];
  const ignored: number[] = [];
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, group, users] = /^([^:\s]+)\s*:(.*)$/.exec(line) ?? [];
    if (group === undefined || users === undefined) ignored.push(i + 1);
    else groups.push([group, users.split(/[\s,]+/).filter(Boolean)]);
  }
  return { groups, ignored };
}

function byMember(groups: GroupList): Memberships {
  const members = new Map<string, string[]>();
  for (const [group, users] of groups) {
    for (const user of users) members.set(user, [...(members.get(user) ?? []), group]);
  }
  return members;
}
