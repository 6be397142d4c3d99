// Copies an image, with its signatures, from one registry to another:
//   node copy-image.mjs docker.io/library/alpine:3.20 localhost:5000/mirror/alpine:3.20
import { connect } from 'layover/client';
import { copyImage, ImageError } from 'layover/images';
import { RegistryError } from 'layover/oci';

const [from, to] = process.argv.slice(2).map((text) => {
  const slash = text.indexOf('/');
  const host = text.slice(0, slash);
  const path = `${process.env.HOME}/.docker/config.json`;
  const plainHttp = /^(localhost|127\.0\.0\.1):/.test(host);
  const registry = connect(host, { credentials: [{ kind: 'dockerconfig', path }], plainHttp, env: process.env });
  return { registry, name: text.slice(slash + 1) };
});
try {
  const { root, blobs } = await copyImage(from, to, {
    referrers: true,
    events: { blobDone: ({ digest, size }, how) => console.log(`${how} ${digest} (${size} bytes)`) },
  });
  console.log(`copied ${root.digest}, ${blobs} blobs`);
} catch (err) {
  if (!(err instanceof RegistryError || err instanceof ImageError)) throw err;
  console.error(err.message);
  process.exitCode = 1;
} finally {
  await Promise.all([from.registry.close(), to.registry.close()]);
}
