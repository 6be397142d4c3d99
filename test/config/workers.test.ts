import { expect, it } from 'vitest';

import { load, MINIMAL, problemsOf } from './config-file.ts';

it.each([
  ['', 1],
  ['http: {workers: auto}\n', 'auto'],
  ['http: {workers: 4}\n', 4],
])('http.workers, %j', async (text, workers) => {
  expect((await load(MINIMAL + text)).config.http.workers).toBe(workers);
});

it.each(['0', '65', '1.5', 'many'])('http.workers is not %s', async (text) => {
  expect(await problemsOf(`${MINIMAL}http: {workers: ${text}}\n`)).toEqual([
    expect.stringContaining('http.workers: must be auto or a whole number from 1 to 64') as string,
  ]);
});

it("Let's Encrypt needs one process", async () => {
  const tls = 'tls: {letsencrypt: {cachefile: a, email: a@b.example, hosts: [b.example]}}';
  expect(await problemsOf(`${MINIMAL}http: {workers: 2, ${tls}}\n`)).toEqual([
    expect.stringContaining("http.workers: must be 1 or auto: with Let's Encrypt") as string,
  ]);
  expect(await problemsOf(`${MINIMAL}http: {workers: auto, ${tls}}\n`)).toEqual([]);
});
