import { createGcsDriver, type GcsDriverOptions } from '../../../src/storage/gcs/gcs.ts';
import { BUCKET, FakeGcs } from './fake-gcs.ts';

/** A driver before a fake store. */
export async function startScene(optionsOf: (fake: FakeGcs) => Partial<GcsDriverOptions> = () => ({})) {
  const fake = await FakeGcs.start();
  const create = () =>
    createGcsDriver({
      bucket: BUCKET,
      endpoint: fake.url,
      iamEndpoint: fake.url,
      credentials: { kind: 'anonymous' },
      chunkBytes: 512 * 1024,
      ...optionsOf(fake),
    });
  const driver = await create();
  const others: (typeof driver)[] = [];
  return {
    fake,
    driver,
    /** The driver of another process. */
    async another() {
      const other = await create();
      others.push(other);
      return other;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([driver, ...others].map((each) => each.close()));
      await fake[Symbol.asyncDispose]();
    },
  };
}
