// Lists the tags of a repository, and reads the manifest of each:  node list-tags.mjs docker.io library/alpine
import { connect } from 'layover/client';
import { parseManifest, RegistryError } from 'layover/oci';

const [host = 'docker.io', repository = 'library/alpine'] = process.argv.slice(2);
const registry = connect(host, { plainHttp: host.startsWith('127.0.0.1:') });
const signal = AbortSignal.timeout(60_000);
try {
  const { entries } = await registry.listTags(repository, { n: 10 }, { signal });
  for (const tag of entries) {
    const { digest, bytes } = await registry.getManifest(repository, { kind: 'tag', tag }, { signal });
    const { mediaType, references } = parseManifest(bytes);
    console.log(`${tag}  ${digest}  ${mediaType}  ${references.length} parts`);
  }
} catch (err) {
  if (!(err instanceof RegistryError)) throw err;
  console.error(`${host}/${repository}: ${err.code}: ${err.message}`);
  process.exitCode = 1;
} finally {
  await registry.close();
}
