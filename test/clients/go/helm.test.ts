import { mkdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { expectNothingBroken } from '../../integration/stored-data.ts';
import { LOGINS, type Login, startGuardedScene, USER } from '../push-scene.ts';
import { whyNotTested } from '../why-not-tested.ts';
import { openGoClient } from './go-client.ts';

const HTTP = '--plain-http';
const lacks = await whyNotTested('helm', ['helm'], { needsRoot: false });

describe.skipIf(lacks)('helm pushes charts to Layover', () => {
  it.each(Object.keys(LOGINS) as Login[])('and pulls them, logged in by %s', async (way) => {
    await using scene = await startGuardedScene(way);
    await using helm = await openGoClient('helm');
    await mkdir(helm.at('pulled'));
    await helm.run('create', 'shop');
    await helm.run('package', 'shop', '--version', '1.2.3');
    const charts = `oci://${scene.registry}/team/charts`;
    await expect(helm.run('push', HTTP, 'shop-1.2.3.tgz', charts)).rejects.toThrow(
      /401|unauthorized|basic credential/i,
    );
    const login = (password: string) =>
      helm.run('registry', 'login', HTTP, scene.registry, '--username', USER.name, '--password', password);
    await expect(login('wrong')).rejects.toThrow(/401|unauthorized|denied/i);
    await login(USER.password);
    await helm.run('push', HTTP, 'shop-1.2.3.tgz', charts);
    await helm.run('pull', HTTP, `${charts}/shop`, '--version', '1.2.3', '--destination', helm.at('pulled'));
    expect(await readFile(helm.at('pulled/shop-1.2.3.tgz'))).toEqual(await readFile(helm.at('shop-1.2.3.tgz')));
    // The newest that fits is found by the list of tags.
    expect(await helm.run('show', 'chart', HTTP, `${charts}/shop`, '--version', '^1.0.0')).toContain('version: 1.2.3');
    await expectNothingBroken(scene.layover);
  });
});
