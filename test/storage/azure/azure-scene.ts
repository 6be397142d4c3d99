import { createAzureDriver, type AzureDriverOptions } from '../../../src/storage/azure/azure.ts';
import { CONTAINER, FakeAzure } from './fake-azure.ts';

/** A driver before a fake store. */
export async function startScene(options: Partial<AzureDriverOptions> = {}) {
  const fake = await FakeAzure.start();
  const create = () =>
    createAzureDriver({
      account: 'account',
      container: CONTAINER,
      credentials: { kind: 'shared_key', key: Buffer.from('key').toString('base64') },
      serviceUrl: fake.url,
      blockBytes: 512 * 1024,
      ...options,
    });
  const driver = create();
  const others: (typeof driver)[] = [];
  return {
    fake,
    driver,
    /** The driver of another process. */
    another() {
      const other = create();
      others.push(other);
      return other;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([driver, ...others].map((each) => each.close()));
      await fake[Symbol.asyncDispose]();
    },
  };
}
