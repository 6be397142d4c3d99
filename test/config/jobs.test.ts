import { describe, expect, it } from 'vitest';

import { load, MINIMAL, problemsOf } from './config-file.ts';

const UPSTREAM = 'remoteurl: "https://registry-1.docker.io"';

describe('work that no client waits for', () => {
  it('has limits, jobs and checks', async () => {
    const { config } = await load(`${MINIMAL}proxy:
  ${UPSTREAM}
  background: {bandwidth: 20MB, concurrency: 2}
  warm:
    - {name: ci, images: [alpine], from: images.txt, platforms: [linux/amd64], referrers: true, pin: true, at: "3:05", onstart: all}
    - {name: popular, popular: {top: 9}, ahead: 20%}
  checks: [{name: site, lock: images.lock.yaml, every: 10m, ready: true}]
`);
    expect(config.proxy).toMatchObject({
      background: { bytesPerSecond: 20_000_000, concurrency: 2 },
      warm: [
        {
          name: 'ci',
          images: ['alpine'],
          from: 'images.txt',
          platforms: ['linux/amd64'],
          ...{ referrers: true, pin: true, at: '5 3 * * *', onStart: 'all' },
        },
        { name: 'popular', popular: { top: 9, uses: 5, withinMs: 604_800_000 }, ahead: 0.2 },
      ],
      checks: [{ name: 'site', lock: 'images.lock.yaml', intervalMs: 600_000, referrers: false, isRequired: true }],
    });
  });

  it('is refused with times, names and lists that cannot be used', async () => {
    const jobs = '[{name: a, images: [x], at: "25:00"}, {name: a, at: "0 3 * * 1-5"}, {name: "b c", from: list}]';
    const found = await problemsOf(`${MINIMAL}proxy: {${UPSTREAM}, warm: ${jobs}}\n`);
    const problems = found.map((line) => line.replace(/^\S+ /, ''));
    expect(problems).toEqual([
      'proxy.warm[0].at: must be a time such as 03:00, or a cron expression such as 0 3 * * 1-5',
      'proxy.warm[1]: needs either popular, or images, or a list in from',
      'proxy.warm[2].name: must be a name such as ci-images',
    ]);
  });

  it('is refused with two jobs of one name', async () => {
    const jobs = '[{name: a, images: [x]}, {name: a, images: [y]}]';
    const problems = await problemsOf(`${MINIMAL}proxy: {${UPSTREAM}, warm: ${jobs}}\n`);
    expect(problems).toEqual([expect.stringContaining('proxy.warm: has two jobs with the name a')]);
  });

  it('is refused with popular tags without the record that they come from', async () => {
    const proxy = `proxy: {${UPSTREAM}, warm: [{name: a, images: [x]}, {name: popular, popular: {top: 9}}]}`;
    expect(await problemsOf(`${MINIMAL}${proxy}\naudit: {keep: off}\n`)).toEqual([
      expect.stringContaining('proxy.warm[1].popular: needs the record of pulls (set audit.keep to a duration)'),
    ]);
  });
});
