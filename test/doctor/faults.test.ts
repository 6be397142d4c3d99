import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { cannotListen } from '../../src/doctor/groups/process-checks.ts';
import { TOPICS, type Topic } from '../../src/doctor/topics.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../support/layover.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { freePort } from '../support/processes.ts';
import { missingPrograms } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { startServer } from '../support/start-server.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';
import { clientMachine } from './client-machine.ts';
import { complaintsOf, type Patient } from './complaints.ts';
import { startSecureServer } from './secure-server.ts';

let directory: TemporaryDirectory;
let hub: Hub;
beforeAll(async () => {
  directory = await temporaryDirectory();
  hub = await Hub.start(new Images());
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const at = (name: string) => join(directory.path, name);
const DAY_MS = 24 * 60 * 60 * 1000;
const found: Topic[] = [];

/** What a healthy server has; the default groups need no server and no client. */
function healthy(more: ConfigObject = {}): ConfigObject {
  return {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: at('data') }, quota: { size: '1MiB' } },
    http: { addr: '127.0.0.1:0' },
    proxy: { upstreams: [dockerHubUpstream(hub)] },
    ...more,
  };
}

const complaints = (patient: Patient) => complaintsOf({ config: healthy(), ...patient }, at('config.yml'), found);

const GIB = 1024 ** 3;
const fileSystem = (facts: object) => async () => ({
  type: 0xef53,
  bytes: 100 * GIB,
  freeBytes: 50 * GIB,
  files: 1_000_000,
  freeFiles: 900_000,
  ...facts,
});

async function certificateFiles(name: string, days: number) {
  const notAfterDate = new Date(Date.now() + days * DAY_MS);
  const notBeforeDate = new Date(Date.now() - 400 * DAY_MS);
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], { notBeforeDate, notAfterDate });
  await writeFile(at(`${name}.crt`), pair.cert);
  await writeFile(at(`${name}.key`), pair.private, { mode: 0o600 });
  return { certificate: at(`${name}.crt`), key: at(`${name}.key`) };
}

const withTls = (tls: object) => healthy({ http: { addr: '127.0.0.1:0', tls } });
const upstream = (more: object) => healthy({ proxy: { upstreams: [{ name: 'broken.example', ...more }] } });

it('a healthy server has no complaints', async () => {
  expect(await complaints({})).toEqual([]);
});

describe('layover doctor finds, and names the cure:', () => {
  it('1. a key that does not exist', async () => {
    expect(await complaints({ config: healthy({ http: { adr: ':5000' } }) })).toEqual([
      expect.stringMatching(/^failed config valid: .*unknown key "adr", did you mean .*layover config check/),
    ]);
  });
  it('2. a file that is not YAML', async () => {
    expect(await complaints({ text: 'http: [\n' })).toEqual([
      expect.stringMatching(/^failed config valid: .*config\.yml:/),
    ]);
  });
  it('3. a file that the configuration names and that is not there', async () => {
    const config = healthy({ admin: { addr: '127.0.0.1:0', tokenfile: at('none') } });
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^failed config valid: .*cannot read .*does not exist \(change the path/),
    ]);
  });
  it('4. a duration without a unit', async () => {
    const config = healthy({ proxy: { ttl: 48, upstreams: [dockerHubUpstream(hub)] } });
    expect(await complaints({ config })).toContainEqual(
      expect.stringMatching(/^(?:warning|failed) config (?:warnings|valid): .*48/),
    );
  });
  it('5. a password file that everyone can read', async () => {
    await writeFile(at('token'), 'secret');
    await chmod(at('token'), 0o644);
    const config = healthy({ admin: { addr: '127.0.0.1:0', tokenfile: at('token') } });
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^warning config secret files: .*token \| chmod o-r /),
    ]);
  });
  it('6. a key of another certificate', async () => {
    const [one, other] = [await certificateFiles('one', 300), await certificateFiles('other', 300)];
    const config = withTls({ certificate: one.certificate, key: other.key });
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^failed config certificate: http\.tls\.key: .* is not the key of /),
    ]);
  });
  it('7. a certificate that has expired', async () => {
    const config = withTls(await certificateFiles('expired', -3));
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^failed config certificate: .*expired on .* renew /),
    ]);
  });
  it('8. a certificate that expires soon', async () => {
    const config = withTls(await certificateFiles('soon', 5));
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^warning config certificate: .*expires in [45] days/),
    ]);
  });
  it('9. a certificate that is none', async () => {
    await writeFile(at('text.crt'), 'hello');
    const config = withTls({ certificate: at('text.crt'), key: at('text.crt') });
    await chmod(at('text.crt'), 0o600);
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^failed config certificate: http\.tls: .*have to be in PEM/),
    ]);
  });
  it('10. a Node.js that is too old', async () => {
    expect(await complaints({ machine: { nodeVersion: 'v18.20.4' } })).toEqual([
      expect.stringMatching(/^failed process node: v18\.20\.4 is older than 20\.19 \| install a current Node\.js/),
    ]);
  });
  it('11. a low limit of open files', async () => {
    expect(await complaints({ machine: { openFiles: 256 } })).toEqual([
      expect.stringMatching(/^warning process open files: limit is 256.*LimitNOFILE=65536/),
    ]);
  });
  it('12. a container with little memory', async () => {
    expect(await complaints({ machine: { memoryBytes: 64 * 1024 * 1024 } })).toEqual([
      expect.stringMatching(/^warning process memory: 64 MiB.*256 MiB or more/),
    ]);
  });
  it('13. a port that another program has', async () => {
    await using other = await startServer((_, res) => res.end('hello'));
    const config = healthy({ http: { addr: `127.0.0.1:${other.port}` } });
    expect(await complaints({ config, groups: ['process', 'server'] })).toEqual([
      expect.stringMatching(
        /^failed process address: http\.addr: port \d+ is in use by another program \| set http\.addr/,
      ),
      expect.stringMatching(/^failed server ready: http:\S+ is the address of another program \| see the address in/),
    ]);
  });
  it('13b. a port that this user must not have, and an address of another machine', async () => {
    expect(cannotListen('EACCES', { net: 'tcp', host: '127.0.0.1', port: 443 })).toMatchObject({
      text: 'http.addr: this user must not listen on port 443',
      remedy: expect.stringMatching(/^use a port above 1023, or give the capability CAP_NET_BIND_SERVICE/),
    });
    const config = healthy({ http: { addr: '192.0.2.1:5000' } });
    expect(await complaints({ config, groups: ['process'] })).toEqual([
      expect.stringMatching(/^failed process address: http\.addr: 192\.0\.2\.1 is not an address of this machine/),
    ]);
  });
  it('14. a storage directory that cannot be written', async () => {
    await writeFile(at('file'), '');
    const config = healthy({ storage: { filesystem: { rootdirectory: '/proc/layover' }, quota: { size: '1MiB' } } });
    expect(await complaints({ config, groups: ['storage'], machine: { fileSystem: fileSystem({}) } })).toContainEqual(
      expect.stringMatching(/^failed storage writable: storage\.filesystem\.rootdirectory: .*chown/),
    );
  });
  it('14b. a storage directory that is a file, or below one', async () => {
    await writeFile(at('file'), '');
    for (const rootdirectory of [at('file'), at('file/data')]) {
      const config = healthy({ storage: { filesystem: { rootdirectory }, quota: { size: '1MiB' } } });
      expect(await complaints({ config, groups: ['storage'] })).toEqual([
        expect.stringMatching(
          /^failed storage writable: storage\.filesystem\.rootdirectory: \S+\/file is a file \| set it to a directory/,
        ),
      ]);
    }
  });
  it('15. a full disk', async () => {
    expect(await complaints({ machine: { fileSystem: fileSystem({ freeBytes: 1000 }) } })).toEqual([
      expect.stringMatching(/^failed storage free space: 0\.0 GiB of 100\.0 GiB are free \| .*storage\.quota\.size/),
    ]);
  });
  it('16. a disk without inodes', async () => {
    expect(await complaints({ machine: { fileSystem: fileSystem({ freeFiles: 10 }) } })).toEqual([
      expect.stringMatching(/^failed storage free files: 10 of 1000000 files are free \| .*inodes/),
    ]);
  });
  it('17. a quota above the size of the disk', async () => {
    const storage = { filesystem: { rootdirectory: at('data') }, quota: { size: '500GiB' } };
    expect(await complaints({ config: healthy({ storage }), machine: { fileSystem: fileSystem({}) } })).toEqual([
      expect.stringMatching(/^warning storage free space: storage\.quota\.size is 500\.0 GiB.*below the size/),
    ]);
  });
  it('18. no quota', async () => {
    const storage = { filesystem: { rootdirectory: at('data') } };
    expect(await complaints({ config: healthy({ storage }), machine: { fileSystem: fileSystem({}) } })).toEqual([
      expect.stringMatching(/^warning storage free space: .*there is no quota \| set storage\.quota\.size/),
    ]);
  });
  it('19. an index on NFS', async () => {
    expect(await complaints({ machine: { fileSystem: fileSystem({ type: 0x6969 }) } })).toEqual([
      expect.stringMatching(/^failed storage index: .*network file system \| set storage\.index/),
    ]);
  });
  it('20. a Redis that is not there', async () => {
    const config = healthy({ redis: { addr: `127.0.0.1:${await freePort()}` } });
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^failed index redis: redis: .*ECONNREFUSED.*check redis\.addr/),
    ]);
  });
  it('21. an upstream without an address', async () => {
    const config = upstream({ remoteurl: 'https://registry.invalid' });
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(
        /^failed network broken\.example address: registry\.invalid has no address: .*check the name in remoteurl/,
      ),
    ]);
  });
  it('22. an upstream that refuses connections', async () => {
    const config = upstream({ remoteurl: `http://127.0.0.1:${await freePort()}` });
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^failed network broken\.example connection: 127.*ECONNREFUSED \| check firewall, proxy/),
    ]);
  });
  it('23. an upstream with a certificate that is not trusted', async () => {
    await using secure = await startSecureServer();
    expect(await complaints({ config: upstream({ remoteurl: secure.url }) })).toEqual([
      expect.stringMatching(
        /^failed network broken\.example connection: .*self-signed \| .*tls\.ca|^failed network .*self-signed.*CA/,
      ),
    ]);
  });
  it('23b. an upstream with a certificate of another CA than the configured one', async () => {
    await using secure = await startSecureServer();
    const { certificate } = await certificateFiles('other-ca', 300);
    const [line] = await complaints({ config: upstream({ remoteurl: secure.url, tls: { ca: certificate } }) });
    expect(line).toMatch(
      /^failed network broken\.example connection: localhost:\d+: the certificate is not signed by the CA in \S+other-ca\.crt \| set tls\.ca to/,
    );
  });
  it('23c. an upstream with TLS that is spoken to without', async () => {
    await using secure = await startSecureServer();
    const message = 'Client sent an HTTP request to an HTTPS server.\n';
    await using go = await startServer((_, res) => res.writeHead(400).end(message));
    for (const remoteurl of [secure.url.replace('https:', 'http:'), go.url]) {
      expect(await complaints({ config: upstream({ remoteurl }) })).toEqual([
        expect.stringMatching(
          /^failed network broken\.example connection: \S+ speaks TLS, and remoteurl has http:\/\/ \| write https:\/\/\S+ in remoteurl/,
        ),
      ]);
    }
  });
  it('24. an upstream that does not speak TLS', async () => {
    await using plain = await startServer((_, res) => res.end());
    const config = upstream({ remoteurl: plain.url.replace('http:', 'https:') });
    expect(await complaints({ config })).toEqual([
      expect.stringMatching(/^failed network broken\.example connection: .*does not speak TLS \| write http:\/\//),
    ]);
  });
  it('25. an upstream that is a web site', async () => {
    await using site = await startServer((_, res) => res.setHeader('content-type', 'text/html').end('<html>'));
    expect(await complaints({ config: upstream({ remoteurl: site.url }) })).toEqual([
      expect.stringMatching(
        /^failed upstreams broken\.example registry: .*like a web site \| remoteurl is the address/,
      ),
    ]);
  });
  it('26. an upstream that limits requests', async () => {
    await using busy = await startServer((_, res) => res.writeHead(429, { 'retry-after': '60' }).end());
    expect(await complaints({ config: upstream({ remoteurl: busy.url }) })).toEqual([
      expect.stringMatching(/^failed upstreams broken\.example registry: .*429, retry after 60 s \| set credentials/),
    ]);
  });
  it('27. a wrong clock', async () => {
    const machine = { now: () => Date.now() + 300_000 };
    expect(await complaints({ machine })).toEqual([
      expect.stringMatching(
        /^failed upstreams docker\.io clock: this machine is \d+ s ahead of docker\.io \| set the clock by NTP/,
      ),
    ]);
  });
  it('28. credentials that an upstream refuses, without printing them', async () => {
    const credentials = [{ username: 'alice', password: 'hunter2-wrong' }];
    const config = healthy({ proxy: { upstreams: [dockerHubUpstream(hub, { credentials })] } });
    const lines = await complaints({ config });
    expect(lines).toEqual([
      expect.stringMatching(
        /^failed upstreams docker\.io login: alice is refused with 401 \| set the password or access token/,
      ),
    ]);
    expect(lines.join()).not.toContain('hunter2');
  });
  it('29. a server that is not there', async () => {
    const server = `http://127.0.0.1:${await freePort()}`;
    expect(await complaints({ server, groups: ['server'] })).toEqual([
      expect.stringMatching(/^failed server ready: .*ECONNREFUSED \| start it \(`layover serve`\)/),
    ]);
  });
  it('30. http that is spoken to TLS, and the reverse', async () => {
    await using secure = await startSecureServer();
    const http = await complaints({ server: secure.url.replace('https:', 'http:'), groups: ['server'] });
    expect(http).toEqual([
      expect.stringMatching(/^failed server ready: .*speaks TLS, and the address has http \| use https:/),
    ]);
    await using plain = await Layover.start();
    const https = await complaints({ server: plain.url.replace('http:', 'https:'), groups: ['server'] });
    expect(https).toEqual([expect.stringMatching(/^failed server ready: .*does not speak TLS \| use http:/)]);
  });
  it('31. a cache that is open to everyone', async () => {
    await using layover = await Layover.start();
    const config = healthy({ http: { addr: ':0' } });
    expect(await complaints({ config, server: layover.url, groups: ['server'] })).toEqual([
      expect.stringMatching(/^warning server access: every machine .*without a login \| .*set auth/),
    ]);
  });
  it('32. a cache that is offline', async () => {
    await using layover = await Layover.start();
    const config = healthy({ proxy: { offline: true, upstreams: [dockerHubUpstream(hub)] } });
    expect(await complaints({ config, server: layover.url, groups: ['server'] })).toEqual([
      expect.stringMatching(/^warning server freshness: proxy\.offline is set/),
    ]);
  });
  it('33. a client that pulls past the cache, with the address of that', async () => {
    const text = '{ "registry-mirrors": ["http://cache.example.com"] }';
    await using host = await clientMachine('docker', 'Error: pull access denied', { '/etc/docker/daemon.json': text });
    expect(await complaints({ ...host, server: 'http://cache.example.com:5000' })).toEqual([
      expect.stringMatching(
        /^failed clients docker: docker pulls docker\.io past the cache: .*access denied \| layover setup docker --address http:\/\/cache\.example\.com:5000 --write/,
      ),
    ]);
  });
  it('34. an upstream that does not respond', async () => {
    const silent = createTcpServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const { port } = silent.address() as AddressInfo;
      const config = upstream({ remoteurl: `http://127.0.0.1:${port}` });
      expect(await complaints({ config })).toEqual([
        expect.stringMatching(/^failed network broken\.example connection: .*no response within|^failed network .*ms/),
      ]);
    } finally {
      silent.close();
    }
  });
});

const missing = await missingPrograms(['redis-server']);
if (missing.length > 0) console.warn('redis-server is missing: the checks of a Redis are not tested');

describe.skipIf(missing.length > 0)('layover doctor finds in a Redis:', () => {
  it('35. that it evicts keys', async () => {
    await using redis = await RedisServer.start({ directives: ['maxmemory-policy allkeys-lru'] });
    expect(await complaints({ config: healthy({ redis: { addr: redis.address } }) })).toEqual([
      expect.stringMatching(/^warning index redis: .*maxmemory-policy is allkeys-lru.*noeviction in redis\.conf/),
    ]);
  });
  it('36. that it needs a password', async () => {
    await using redis = await RedisServer.start({ directives: ['requirepass hunter2'], password: 'hunter2' });
    const lines = await complaints({ config: healthy({ redis: { addr: redis.address } }) });
    expect(lines).toEqual([expect.stringMatching(/^failed index redis: .*NOAUTH.*redis\.password/)]);
  });
});

describe('docs/troubleshooting.md', () => {
  it('has a section for each topic of a check, and no other', async () => {
    const page = await readFile('docs/troubleshooting.md', 'utf8');
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replace(/\s/g, '-'),
    );
    expect(headings.toSorted()).toEqual([...TOPICS].toSorted());
  });

  it('has no section that no check above leads to', () => {
    const slow: Topic[] = ['the-storage-is-slow'];
    expect([...TOPICS].filter((topic) => !found.includes(topic) && !slow.includes(topic))).toEqual([]);
  });
});
