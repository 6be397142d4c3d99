import { describe, expect, it } from 'vitest';

import { pull } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { cacheCommand } from '../retention/command.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { startReady } from './ready.ts';

const images = new Images();
const image = images.addImage('library/app', '1');
const hub = sharedHub(images);

const pullTag = ({ url }: Layover) =>
  pull(`${url}/v2/library/app/manifests/1`, { headers: { 'user-agent': 'containerd/2.1' } });

describe('layover status', () => {
  it('shows the state on one screen', async () => {
    await using layover = await startReady(hub());
    await pullTag(layover);
    await pullTag(layover);
    const { code, stdout, stderr } = await cacheCommand(layover, 'status');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Working: 50 % of the last hour's pulls were cached\.\n\n/);
    expect(stdout).toMatch(/^cached {4}50 % of the pulls in 1 h, 50 % in 24 h$/m);
    expect(stdout).toMatch(/^upstream {2}docker\.io: available$/m);
    expect(stdout.split('\n').length).toBeLessThan(24);
    const json = await cacheCommand(layover, 'status', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ verdict: 'working', ratio: { h1: 0.5 } });
  });

  it('ends with another code when something is wrong, and shows what to do', async () => {
    await using layover = await startReady(hub());
    await hub().stop();
    for (let i = 0; i < 3; i++) await pull(`${layover.url}/v2/library/app/manifests/${image.digest}`);
    const { code, stdout } = await cacheCommand(layover, 'status');
    expect(code).toBe(2);
    expect(stdout).toMatch(/^docker\.io does not respond since /);
    expect(stdout).toMatch(/^error +breaker-open +docker\.io /m);
    expect(stdout).toMatch(/^network: Check DNS.* \(docs\/operating\.md#layoverupstreamunreachable\)$/m);
    expect(stdout).toMatch(/^upstream {2}docker\.io: does not respond since \d{4}-\d\d-\d\d \d\d:\d\d UTC$/m);
    expect(stdout).not.toMatch(/^(?:cached|saved) /m);
  });

  it('needs a running server', async () => {
    await using layover = await startReady(hub());
    await layover.kill('SIGTERM');
    expect(await cacheCommand(layover, 'status')).toMatchObject({
      code: 1,
      stderr: 'layover: no server is running; its state is in its memory\n',
    });
  });
});

describe('layover top', () => {
  it('prints clients and fills as lines without a terminal', async () => {
    await using layover = await startReady(hub());
    await pullTag(layover);
    const { code, stdout } = await cacheCommand(layover, 'top', '--count', '2', '--interval', '0.5');
    expect(code).toBe(0);
    expect(stdout).not.toContain('\u001b');
    expect(stdout.match(/^CLIENT +AGENT +REQUESTS +PULLS +CACHED +ERRORS +BYTES$/gm)).toHaveLength(2);
    expect(stdout).toMatch(/^127\.0\.0\.1 +containerd\/2\.1 +1 +1 +0 % +0 /m);
    expect(stdout).toMatch(/requests\/s, .* to clients, .* from upstreams$/m);
  });

  it.each(['abc', '-1', '0', '1.5', ''])('refuses a count of "%s"', async (count) => {
    await using layover = await startReady(hub());
    const { code, stdout, stderr } = await cacheCommand(layover, 'top', `--count=${count}`);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('It must be a whole number, 1 or more.');
  });

  it('does not load the server without a pause', async () => {
    await using layover = await startReady(hub());
    const { code, stderr } = await cacheCommand(layover, 'top', '--interval', '0');
    expect([code, stderr]).toEqual([1, 'layover: --interval must be 0.5 or more seconds\n']);
  });
});
