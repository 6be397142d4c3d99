import { z } from 'zod';
import { otherwise, withDefault } from './defaults.ts';
import { bool, integer } from './number.ts';
import { base64Secret, choice, matching, name, secret, text } from './text.ts';

const MIB = 1024 * 1024;

const credentials = z.strictObject({
  type: choice(
    '`default_credentials`: the variables `AZURE_*` for a client secret or for workload identity, or the managed identity of the machine.',
    ['shared_key', 'client_secret', 'default_credentials'],
  ),
  clientid: text('Id of the application, or of a managed identity.').optional(),
  tenantid: text('Tenant of the application.').optional(),
  secret: secret('Client secret, for `client_secret`.').optional(),
});

const options = z.strictObject({
  accountname: matching('Name of the storage account.', {
    pattern: /^[a-z0-9]{3,24}$/,
    expected: 'must be 3 to 24 lower-case letters and digits, such as corpregistry',
  }),
  accountkey: base64Secret('Key of the account.').optional(),
  container: name('Name of the container, which must exist.'),
  credentials: otherwise(credentials, '`shared_key` with an `accountkey`, else `default_credentials`'),
  realm: withDefault(name('Domain of the service, for other clouds.'), 'core.windows.net'),
  serviceurl: otherwise(
    matching('URL of the service.', {
      pattern: /^https?:\/\/[^\s@?#]+$/i,
      expected: 'must be an http or https URL such as http://127.0.0.1:10000/devstoreaccount1',
      format: 'URL',
    }),
    '`https://<accountname>.blob.<realm>`',
  ),
  connectionstring: text('Connection string.').optional(),
  max_retries: integer('Not honoured.').optional(),
  retry_delay: text('Not honoured.').optional(),
  skipverify: bool('Not honoured.').optional(),
  rootdirectory: otherwise(text('Prefix of every name.'), 'none'),
  leadingslash: withDefault(
    bool("Names begin with a slash, as version 2 of distribution wrote them. A key of Layover's."),
    'false',
  ),
  chunksize: withDefault(
    integer("Block of an upload, in bytes. A key of Layover's.", { min: MIB, max: 100 * MIB }),
    String(8 * MIB),
  ),
});

type RawAzure = z.output<typeof options>;

export const azure = options
  .superRefine((raw, ctx) => {
    for (const [key, message] of findMistakes(raw)) ctx.addIssue({ code: 'custom', path: [...key], message });
  })
  .transform((raw) => ({
    kind: 'azure' as const,
    account: raw.accountname,
    container: raw.container,
    credentials: toCredentials(raw),
    serviceUrl: raw.serviceurl ?? `https://${raw.accountname}.blob.${raw.realm}`,
    rootDirectory: raw.rootdirectory ?? '',
    hasLeadingSlash: raw.leadingslash,
    blockBytes: raw.chunksize,
  }))
  .describe("A container of Azure Blob Storage, in distribution's layout.");

function typeOf({ credentials: given, accountkey }: RawAzure) {
  return given?.type ?? (accountkey === undefined ? 'default_credentials' : 'shared_key');
}

function toCredentials(raw: RawAzure) {
  const { clientid, tenantid = '', secret: clientSecret = '' } = raw.credentials ?? {};
  switch (typeOf(raw)) {
    case 'shared_key':
      return { kind: 'shared_key' as const, key: raw.accountkey ?? '' };
    case 'client_secret':
      return { kind: 'client_secret' as const, tenantId: tenantid, clientId: clientid ?? '', secret: clientSecret };
    case 'default_credentials':
      return { kind: 'default' as const, clientId: clientid };
  }
}

function findMistakes(raw: RawAzure): [readonly string[], string][] {
  const { clientid, tenantid, secret: clientSecret } = raw.credentials ?? {};
  const isSecret = typeOf(raw) === 'client_secret';
  const mistakes: [readonly string[], string | false][] = [
    [['accountkey'], typeOf(raw) === 'shared_key' && raw.accountkey === undefined && 'is required with shared_key'],
    [['credentials', 'clientid'], isSecret && !clientid && 'is required with client_secret'],
    [['credentials', 'tenantid'], isSecret && !tenantid && 'is required with client_secret'],
    [['credentials', 'secret'], isSecret && !clientSecret && 'is required with client_secret'],
  ];
  return mistakes.filter((mistake): mistake is [readonly string[], string] => mistake[1] !== false);
}
