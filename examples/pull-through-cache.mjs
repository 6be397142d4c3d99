// A pull-through cache in front of one registry:  node pull-through-cache.mjs docker.io [directory]
// Then:  docker pull localhost:3000/library/alpine
import { createServer } from 'node:http';
import { createHandler } from 'layover/http';
import { allowNames, createNameFilter, pullThrough, refuseNames } from 'layover/registry';
import { createFilesystemDriver } from 'layover/storage';

const [upstream = 'docker.io', rootDirectory = './data'] = process.argv.slice(2);
const storage = await createFilesystemDriver({ rootDirectory });
const cache = await pullThrough({
  upstream,
  storage,
  tagTtlMs: 60_000,
  plainHttp: upstream.startsWith('127.0.0.1:'),
  cacheEvents: { fillCompleted: ({ repository, digest, bytes }) => console.log('stored', repository, digest, bytes) },
});
const isAllowed = createNameFilter({ allow: [], deny: ['secret/**'] });
const handler = createHandler(allowNames(cache, refuseNames(isAllowed, upstream)));

const server = createServer({ maxHeaderSize: 65_536 }, (req, res) => {
  if (!handler(req, res)) res.writeHead(404).end();
});
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`listening on http://127.0.0.1:${port}`);
});
process.once('SIGTERM', () => {
  server.close(async () => {
    await cache.close();
    await storage.close();
  });
  server.closeIdleConnections();
});
