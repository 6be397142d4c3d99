import { runProgram } from '../support/processes.ts';

/**
 * The `SystemCallFilter=` lines of a unit as a profile for container engines: all other system calls fail with `EPERM`.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.2.1/config-linux.md#seccomp
 */
export async function seccompProfile(unit: string): Promise<string> {
  const filters = [...unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)];
  const names = new Set(await callsOf('@default'));
  for (const [, sign, groups = ''] of filters) {
    for (const group of groups.split(' ')) {
      for (const name of await callsOf(group))
        if (sign === '~') names.delete(name);
        else names.add(name);
    }
  }
  const allowed = { names: [...names], action: 'SCMP_ACT_ALLOW' };
  return JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1, syscalls: [allowed] });
}

/** A group has names of system calls and of other groups. */
async function callsOf(name: string): Promise<string[]> {
  if (!name.startsWith('@')) return [name];
  const { stdout } = await runProgram('systemd-analyze', ['syscall-filter', '--no-pager', name]);
  const members = [...stdout.matchAll(/^ +(@?[a-z\d_-]+)$/gm)].map(([, member = '']) => member);
  return (await Promise.all(members.map(callsOf))).flat();
}
