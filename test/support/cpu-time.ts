/**
 * CPU time that a call takes in this process. Milliseconds; on a busy machine it is much shorter than the time on a clock.
 *
 * @param work must not wait for other processes
 */
export async function cpuTimeOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
