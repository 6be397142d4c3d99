/** File descriptor of the first socket that systemd passes. */
const FIRST_FD = 3;

/**
 * File descriptor of the socket on which systemd listened before it started this process. Absent without socket activation.
 *
 * @throws {Error} when there is more than one
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
 */
export function activatedSocket(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const { LISTEN_PID: forPid, LISTEN_FDS: count } = env;
  if (forPid !== String(pid) || count === undefined || count === '0') return undefined;
  if (count !== '1')
    throw new Error(
      `LISTEN_FDS: ${count} sockets were passed, but only one is supported (use one ListenStream= in the socket unit)`,
    );
  return FIRST_FD;
}
