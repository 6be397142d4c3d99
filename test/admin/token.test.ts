import { describe, expect, it } from 'vitest';
import { Layover } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';

describe('the token of the admin API, from REGISTRY_ADMIN_TOKEN', () => {
  it.each(['plain', '#secret', '&%x', 'abc #def', 'pässwörd', "it's: *this*"])('is required: %s', async (token) => {
    const port = await freePort();
    await using _ = await Layover.start({
      config: { admin: { addr: `127.0.0.1:${port}` } },
      env: { REGISTRY_ADMIN_TOKEN: token },
    });
    // Headers are bytes: a client sends what is in its file or variable, which is UTF-8.
    const status = async (given?: string) => {
      const headers = given === undefined ? {} : { authorization: `Bearer ${Buffer.from(given).toString('latin1')}` };
      return (await fetch(`http://127.0.0.1:${port}/admin/api/v1/stats`, { headers })).status;
    };
    expect(await status()).toBe(401);
    expect(await status(token.slice(0, -1))).toBe(401);
    expect(await status(token.split(' ')[0]?.concat('x'))).toBe(401);
    expect(await status(token)).toBe(200);
  });

  it('is required to import files of the server over TCP', async () => {
    const body = JSON.stringify({ paths: ['/etc/passwd'] });
    const headers = { 'content-type': 'application/json', authorization: 'Bearer secret' };
    const start = async (env: Record<string, string>) => {
      const port = await freePort();
      await using layover = await Layover.start({ config: { admin: { addr: `127.0.0.1:${port}` } }, env });
      const url = `http://127.0.0.1:${port}/admin/api/v1/bundles/import`;
      const response = await fetch(url, { method: 'POST', headers, body });
      const text = await response.text();
      await (await fetch(url, { method: 'DELETE', headers: { ...headers } })).arrayBuffer();
      expect(await layover.visibleBlobs()).toEqual([]);
      return { status: response.status, text };
    };
    const refused = await start({});
    expect(refused.status).toBe(401);
    expect(refused.text).toContain('an import over TCP requires a token');
    expect(refused.text).not.toContain('passwd');
    expect((await start({ REGISTRY_ADMIN_TOKEN: 'secret' })).status).toBe(200);
  });

  it.each(['', '#'])('that is empty, or a comment in YAML, does not leave the API open: %j', async (token) => {
    const config = { admin: { addr: `127.0.0.1:${await freePort()}` } };
    const env: Record<string, string> = token === '' ? { REGISTRY_ADMIN_TOKEN: '' } : { REGISTRY_ADMIN: 'token: #x' };
    await expect(Layover.start({ config, env })).rejects.toThrow(/admin\.token: is empty/);
  });
});
