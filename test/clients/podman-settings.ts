import { containersSettings } from './containers-image.ts';

// crun refuses machines that mount both versions of cgroups.
const RUNC = ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];
// Podman's own limits may be more than the machine that runs the tests allows.
const MODEST = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];

/** Podman apart from the machine's own. @param mirror of docker.io; any origin for who pulls nothing from there */
export async function startPodmanSettings(mirror = 'http://127.0.0.1:1') {
  const settings = await containersSettings(mirror);
  const run = (...args: string[]) => settings.run('podman', '--tmpdir', settings.at('libpod'), ...RUNC, ...args);
  return {
    ...settings,
    run,
    /** @returns what it printed */
    runImage: (image: string) => run('run', '--rm', '--network=none', '--pull=never', ...MODEST, image),
  };
}
