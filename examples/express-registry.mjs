// A registry inside an Express app:  node express-registry.mjs [directory]
// Then:  docker push localhost:3000/team/app:1
import express from 'express';
import { createHandler } from 'layover/http';
import { hosted } from 'layover/registry';
import { createFilesystemDriver } from 'layover/storage';

const storage = await createFilesystemDriver({ rootDirectory: process.argv[2] ?? './data' });
const registry = hosted({ storage, maxBlobBytes: 10 * 1024 ** 3 });
const handler = createHandler(registry, { events: { error: (message, fields) => console.error(message, fields) } });

const app = express();
app.use((req, res, next) => {
  if (!handler(req, res)) next();
});
app.get('/repositories', async (req, res) => {
  const { entries } = await registry.listRepositories({ n: 100 });
  res.json(entries);
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`listening on http://127.0.0.1:${port}`);
});
server.requestTimeout = 0; // A push may take longer than the five minutes that Node.js grants a request.
process.once('SIGTERM', () => {
  server.close(async () => {
    await registry.close();
    await storage.close();
  });
  server.closeIdleConnections();
});
