/** Where systemd puts the first socket. */
const FIRST_FD = 3;

/**
 * The socket that systemd listened on before it started us; it is used instead of `http.addr`.
 *
 * @throws {Error} when there is more than one
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
 */
export function activatedSocket(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const { LISTEN_PID: forPid, LISTEN_FDS: count } = env;
  if (forPid !== String(pid) || count === undefined || count === '0') return undefined;
  if (count !== '1') throw new Error(`one socket is needed for activation, and there are ${count}`);
  return FIRST_FD;
}
