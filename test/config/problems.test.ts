import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { MINIMAL, problemsOf } from './config-file.ts';

const STORAGE = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\n';

interface Case {
  readonly what: string;
  readonly text: string;
  readonly problems: readonly string[];
}

const cases: readonly Case[] = [
  {
    what: 'an empty file',
    text: '',
    problems: ['config.yml:1:1 version: is required', 'config.yml:1:1 storage: is required'],
  },
  { what: 'a list', text: '- a\n', problems: ['config.yml:1:1: must be a mapping of keys to values'] },
  {
    what: 'another version',
    text: 'version: 0.2\nstorage: inmemory\n',
    problems: ['config.yml:1:10 version: must be 0.1'],
  },
  {
    what: 'a misspelled key',
    text: `${STORAGE}http:\n  addr: :5000\n  tsl: {}\n`,
    problems: ['config.yml:5:3 http.tsl: unknown key "tsl", did you mean "tls"?'],
  },
  {
    what: 'a key in the wrong place',
    text: `${STORAGE}remoteurl: https://ghcr.io\n`,
    problems: ['config.yml:3:1 remoteurl: unknown key "remoteurl", did you mean "proxy.remoteurl"?'],
  },
  {
    what: 'a key of an upstream in the wrong place',
    text: `${STORAGE}proxy: {mirrors: [https://a.example]}\n`,
    problems: ['config.yml:3:9 proxy.mirrors: unknown key "mirrors", did you mean "proxy.upstreams[].mirrors"?'],
  },
  {
    what: 'a key called __proto__',
    text: `${STORAGE}__proto__: {http: 1}\n`,
    problems: ['config.yml:3:1 __proto__: unknown key "__proto__"'],
  },
  {
    what: 'wrong types',
    text: 'version: 0.1\nstorage: [a]\nhttp: 5\nhealth: {file: x}\nlog: {accesslog: {disabled: 7}, fields: {a: [b]}}\n',
    problems: [
      'config.yml:2:10 storage: must be a mapping of keys to values',
      'config.yml:3:7 http: must be a mapping of keys to values',
      'config.yml:4:16 health.file: must be a list',
      'config.yml:5:29 log.accesslog.disabled: must be true or false',
      'config.yml:5:45 log.fields.a: must be text, a number, or true or false',
    ],
  },
  {
    what: 'a key given twice, next to other problems',
    text: 'version: 0.1\nstorage: inmemory\nhttp:\n  addr: :1\n  addr: x\n',
    problems: [
      'config.yml:5:3: "addr" is also set on line 4 (remove one of the two)',
      'config.yml:5:9 http.addr: must be an address such as :5000, 127.0.0.1:5000 or [::1]:5000',
    ],
  },
  {
    what: 'text that is not YAML',
    text: 'version: 0.1\nhttp: [\nstorage: }\n',
    problems: [
      'config.yml:3:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
      'config.yml:3:10: not valid YAML: Unexpected flow-map-end token',
    ],
  },
  {
    what: 'two documents',
    text: `${MINIMAL}---\n${MINIMAL}`,
    problems: ['config.yml:3:1: more than one YAML document'],
  },
  {
    what: 'an alias without anchor',
    text: `${MINIMAL}http: {addr: *here}\n`,
    problems: ['config.yml:3:14: this alias has no anchor before it (text that starts with * needs quotes)'],
  },
  {
    what: 'durations',
    text: `${MINIMAL}http: {draintimeout: 30x}\nhealth: {storagedriver: {interval: -1s}}\n`,
    problems: [
      'config.yml:3:22 http.draintimeout: must be a duration such as 30s, 10m or 168h',
      'config.yml:4:36 health.storagedriver.interval: must not be negative',
    ],
  },
  {
    what: 'a wait longer than a timer can',
    text: `${MINIMAL}http: {draintimeout: 577h}\nhealth: {tcp: [{addr: "a:1", interval: 1000h}]}\n`,
    problems: [
      'config.yml:3:22 http.draintimeout: must be at most 24 days (576h)',
      'config.yml:4:40 health.tcp[0].interval: must be at most 24 days (576h)',
    ],
  },
  {
    what: 'headers that cannot be sent',
    text: `${MINIMAL}http:\n  headers:\n    "bad name": [a]\n    X-A: ["a\\nb"]\n`,
    problems: [
      'config.yml:5:5 http.headers.bad name: is not a header name',
      'config.yml:6:11 http.headers.X-A[0]: must be text without line breaks',
    ],
  },
  {
    what: 'http settings',
    text: `${MINIMAL}http: {addr: "5000", net: udp, prefix: foo, host: registry.example.com}\n`,
    problems: [
      'config.yml:3:14 http.addr: must be an address such as :5000, 127.0.0.1:5000 or [::1]:5000',
      'config.yml:3:27 http.net: must be tcp or unix',
      'config.yml:3:40 http.prefix: must start and end with /',
      'config.yml:3:51 http.host: must be an http or https URL',
    ],
  },
  {
    what: 'a socket without a path',
    text: `${MINIMAL}http: {net: unix}\n`,
    problems: ['config.yml:3:7 http.addr: must be the path of a socket, because http.net is unix'],
  },
  {
    what: 'half a certificate',
    text: `${MINIMAL}http: {tls: {certificate: a.pem, minimumtls: tls1.0, clientauth: maybe}}\n`,
    problems: [
      'config.yml:3:13 http.tls.key: is required to serve HTTPS',
      'config.yml:3:46 http.tls.minimumtls: must be tls1.2 or tls1.3',
      'config.yml:3:66 http.tls.clientauth: must be request-client-cert, require-any-client-cert, verify-client-cert-if-given or require-and-verify-client-cert',
    ],
  },
  {
    what: 'half a certificate next to an empty section',
    text: `${MINIMAL}http: {tls: {certificate: a.pem, letsencrypt: {}}}\n`,
    problems: ['config.yml:3:13 http.tls.key: is required to serve HTTPS'],
  },
  {
    what: 'two drivers',
    text: 'version: 0.1\nstorage:\n  filesystem: {}\n  inmemory:\n',
    problems: [
      'config.yml:4:3 storage.inmemory: more than one storage driver (filesystem, inmemory): keep one; to replace the driver of the file from the environment, set REGISTRY_STORAGE=inmemory first',
    ],
  },
  {
    what: 'no driver',
    text: 'version: 0.1\nstorage: {delete: {enabled: false}}\n',
    problems: ['config.yml:2:1 storage: has no driver (use filesystem, inmemory, s3, gcs, azure, oss or rados)'],
  },
  {
    what: 'a driver this version does not have',
    text: 'version: 0.1\nstorage: {swift: {container: b}}\n',
    problems: [
      'config.yml:2:11 storage.swift: not supported by this version; use storage.s3 with the S3 API of the store, which serves the same container (see docs/storage-swift.md)',
    ],
  },
  {
    what: 'an unknown driver',
    text: 'version: 0.1\nstorage: filesytem\n',
    problems: [
      'config.yml:2:1 storage: has no driver (use filesystem, inmemory, s3, gcs, azure, oss or rados)',
      'config.yml:2:10 storage.filesytem: unknown key "filesytem", did you mean "filesystem"?',
    ],
  },
  {
    what: 'an unknown method of authentication, and one without its realm',
    text: `${MINIMAL}auth:\n  htpaswd: {realm: r}\n  htpasswd: {path: p}\n`,
    problems: [
      'config.yml:4:3 auth.htpaswd: unknown key "htpaswd", did you mean "htpasswd"?',
      'config.yml:5:13 auth.htpasswd.realm: is required',
    ],
  },
  {
    what: 'methods of authentication without the keys they need',
    text: `${MINIMAL}auth:\n  token: {realm: r, service: s, issuer: i}\n  mtls: {}\n  issuer: {}\n`,
    problems: [
      'config.yml:4:3 auth.token: has no key to verify tokens with (set rootcertbundle, jwks or jwksurl)',
      'config.yml:5:3 auth.mtls: requires http.tls.clientcas, the CAs of client certificates',
    ],
  },
  {
    what: 'an issuer without a login, and other keys next to auth.none',
    text: `${MINIMAL}auth:\n  none: {}\n  issuer: {lifetime: 0s}\n`,
    problems: [
      'config.yml:4:3 auth.none: turns authentication off, which excludes all other keys of auth (remove them, or auth.none)',
      'config.yml:5:3 auth.issuer: issues tokens to clients that log in, which requires auth.htpasswd or auth.mtls',
      'config.yml:5:22 auth.issuer.lifetime: must be a duration such as 30s, 10m or 168h, and longer than 0',
    ],
  },
  {
    what: 'rules without a caller, with too many, and with unknown words',
    text: `${MINIMAL}auth:\n  htpasswd: {realm: r, path: p}\n  policy:\n    - {actions: [pull]}\n    - {users: [a], anonymous: true, actions: [pull]}\n    - {groups: [g], actions: [read]}\n    - {users: [a]}\n`,
    problems: [
      'config.yml:6:7 auth.policy[0]: must have users, groups, or anonymous: true',
      'config.yml:7:7 auth.policy[1]: applies to everyone (anonymous), and also names users or groups: keep one of them',
      'config.yml:8:31 auth.policy[2].actions[0]: must be pull, push, delete, admin or *',
      'config.yml:9:7 auth.policy[3].actions: is required',
    ],
  },
  {
    what: 'rules that allow admin to everyone, or for a part of the repositories',
    text: `${MINIMAL}auth:\n  htpasswd: {realm: r, path: p}\n  policy:\n    - {anonymous: true, actions: [admin]}\n    - {users: [a], repositories: ["team/**"], actions: [pull, admin]}\n`,
    problems: [
      'config.yml:6:7 auth.policy[0]: allows admin to everyone: name users or groups',
      'config.yml:7:7 auth.policy[1]: allows or denies admin, which is for the whole service: move it to a rule without repositories',
    ],
  },
  {
    what: 'headers with users that every client could set',
    text: `${MINIMAL}auth:\n  htpasswd: {realm: r, path: p}\nui:\n  auth: {header: X-Forwarded-User}\n`,
    problems: ['config.yml:6:10 ui.auth.header: requires http.trustedproxies, the proxies that may set the header'],
  },
  {
    what: 'a header with groups without one with the user',
    text: `${MINIMAL}ui:\n  auth: {groupsheader: X-Forwarded-Groups}\n`,
    problems: ['config.yml:4:10 ui.auth.groupsheader: requires ui.auth.header, the header with the user'],
  },
  {
    what: 'a password in the URL of keys',
    text: `${MINIMAL}auth:\n  token: {realm: r, service: s, issuer: i, jwksurl: "https://me:secret@auth.example/"}\n`,
    problems: ['config.yml:4:53 auth.token.jwksurl: must not contain a user name or password'],
  },
  {
    what: 'a token server with invalid keys or algorithms',
    text: `${MINIMAL}auth:\n  token: {realm: r, service: s, issuer: i, jwksurl: "ftp://a", signingalgorithms: [none]}\n`,
    problems: [
      'config.yml:4:53 auth.token.jwksurl: must be an http or https URL',
      'config.yml:4:84 auth.token.signingalgorithms[0]: must be EdDSA, or HS, RS, ES or PS with 256, 384 or 512',
    ],
  },
  {
    what: 'certificates by ACME',
    text: `${MINIMAL}http: {tls: {letsencrypt: {email: a@b.example}}}\n`,
    problems: [
      'config.yml:3:27 http.tls.letsencrypt.cachefile: is required to obtain a certificate',
      'config.yml:3:27 http.tls.letsencrypt.hosts: is required to obtain a certificate',
    ],
  },
  {
    what: 'limits',
    text: `${MINIMAL}tags: {maxtags: -1}\ncatalog: {maxentries: many}\nhealth: {tcp: [{addr: a}], http: [{uri: b}], file: [{}]}\n`,
    problems: [
      'config.yml:3:17 tags.maxtags: must be a whole number from 0 to 2147483647',
      'config.yml:4:23 catalog.maxentries: must be a whole number from -2147483648 to 2147483647',
      'config.yml:5:23 health.tcp[0].addr: must be host:port',
      'config.yml:5:41 health.http[0].uri: must be an http or https URL',
      'config.yml:5:53 health.file[0].file: is required',
    ],
  },
];

describe('a configuration that cannot be used', () => {
  it.each(cases)('reports $what with position and key', async ({ text, problems }) => {
    expect(await problemsOf(text)).toEqual(problems);
  });

  it('reports all problems in one error, one line each', async () => {
    const err = await loadConfig({ file: '/nonexistent/config.yml', env: {} }).catch((err: unknown) => err);
    expect(err).toBeInstanceOf(ConfigError);
    expect(String(err)).toBe('ConfigError: invalid configuration:\n  /nonexistent/config.yml: cannot be read (ENOENT)');
  });

  it('repeats no value, because it may be a secret', async () => {
    const texts = [
      `${MINIMAL}proxy: {remoteurl: "https://me:hunter2@a.example", passwrod: hunter2, ttl: hunter2}\n`,
      `${MINIMAL}proxy: {password: {hunter2: hunter2}}\nhttp: {addr: hunter2, host: hunter2, draintimeout: hunter2}\n`,
      `${MINIMAL}proxy:\n  password: !hunter2\n`,
      `${MINIMAL}proxy:\n  password: *hunter2\n`,
      `${MINIMAL}proxy:\n  password: [a] hunter2: }\n`,
      `${MINIMAL}proxy:\n  password: "\\hunter2"\n`,
      `${MINIMAL}proxy:\n  password: |hunter2\n`,
      `%hunter2\n${MINIMAL}`,
    ];
    for (const text of texts) {
      const problems = await problemsOf(text);
      expect(problems).not.toEqual([]);
      expect(problems.join('\n')).not.toContain('hunter2');
    }
    const fromVariable = await problemsOf(MINIMAL, { REGISTRY_PROXY: 'password: hunter2: hunter2: hunter2' });
    expect(fromVariable.join('\n')).toMatch(/^REGISTRY_PROXY: not valid YAML/);
    expect(fromVariable.join('\n')).not.toContain('hunter2');
  });

  it('survives aliases that multiply, and deep nesting', async () => {
    const laughs = [...'bcdefghij'].map((name, i) => `${name}: &${name} [${`*${'abcdefghij'[i]},`.repeat(9)}]`);
    expect(await problemsOf(['a: &a [1]', ...laughs].join('\n'))).toContainEqual(
      expect.stringContaining('more than 20000 values, aliases followed'),
    );
    expect(await problemsOf('a: &a [*a]\n')).toContainEqual(
      expect.stringContaining('nested more than 100 levels deep'),
    );
    const indented = Array.from({ length: 3_000 }, (_, level) => `${' '.repeat(level)}a:`).join('\n');
    for (const text of ['['.repeat(50_000), '{a: '.repeat(100_000), '- '.repeat(50_000), indented]) {
      expect(await problemsOf(text), text.slice(0, 10)).toEqual([
        expect.stringContaining('nested more than 100 levels deep'),
      ]);
    }
  });
});
