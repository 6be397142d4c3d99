import { describe, expect, it } from 'vitest';

import { AzureContainer } from '../../../src/storage/azure/container.ts';
import { parseAzureError } from '../../../src/storage/azure/errors.ts';
import { StoreClient } from '../../../src/storage/objects/store-client.ts';
import { startScene } from './azure-scene.ts';
import { CONTAINER } from './fake-azure.ts';

describe('names of blobs', () => {
  it('that are encoded in a list are deleted with their directory', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    for (const name of ['d/a', 'd/b\uFFFE%', 'd/c\uFFFF/e', 'other']) fake.store(name, Buffer.from('x'));
    expect(await driver.list('/d')).toEqual(['a']);
    await driver.delete('/d');
    expect(fake.names).toEqual(['other']);
    const deleted = fake.requests.filter(({ operation }) => operation === 'delete').map(({ path }) => path);
    expect(deleted).toContain(`/${CONTAINER}/d/b%EF%BF%BE%25`);
  });

  it.each(['', '.', '..', 'd/../..', 'd/./f'])('that lead to the container get no request: "%s"', async (name) => {
    await using scene = await startScene();
    const client = new StoreClient({ parseError: parseAzureError });
    const container = new AzureContainer(client, new URL(`${scene.fake.url}/${CONTAINER}`));
    for (const work of [
      container.delete(name),
      container.put(name, Buffer.from('x')),
      container.copy(name, 'to'),
      container.copy('from', name),
    ]) {
      await expect(work).rejects.toThrow('no request can be for a blob with the name');
    }
    expect(scene.fake.requests).toEqual([]);
    await client.close();
  });

  it('that the store leaves out end a delete before anything is deleted', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    fake.store('d/a', Buffer.from('x'));
    fake.isNameless = true;
    await expect(driver.delete('/d')).rejects.toThrow('without a valid name');
    expect([fake.count('delete'), fake.names]).toEqual([0, ['d/a']]);
  });
});
