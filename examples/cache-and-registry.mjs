// Several upstreams and hosted names in one process, readable by anyone and writable with a password:
//   PASSWORD=… node cache-and-registry.mjs
import { timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { createLayover } from 'layover';
import { RegistryError } from 'layover/oci';

const expected = Buffer.from(`Basic ${Buffer.from(`ci:${process.env.PASSWORD}`).toString('base64')}`);
const isWriter = ({ headers: { authorization = '' } }) =>
  authorization.length === expected.length && timingSafeEqual(Buffer.from(authorization), expected);

const layover = await createLayover({
  storage: process.argv[2] ?? './data',
  upstreams: [{ upstream: 'docker.io', isDefault: true }, { upstream: 'ghcr.io' }],
  hosted: ['team/**'],
  authorize({ req, action }) {
    if (action === 'pull' || isWriter(req)) return;
    const headers = { 'www-authenticate': 'Basic realm="layover"' };
    throw new RegistryError('UNAUTHORIZED', 'log in as ci', { headers });
  },
});
// A push may take longer than the five minutes that Node.js grants a request.
const server = createServer({ requestTimeout: 0, maxHeaderSize: 65_536 }, (req, res) => {
  if (!layover.handler(req, res)) res.writeHead(404).end();
});
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`listening on http://127.0.0.1:${port}`);
});
process.once('SIGTERM', () => {
  server.close(() => layover.close());
  server.closeIdleConnections();
});
