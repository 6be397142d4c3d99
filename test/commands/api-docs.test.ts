import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { renderApiDocs } from '../../src/commands/api-docs.ts';
import { ENDPOINTS } from '../../src/oci/endpoints.ts';
import { ERROR_CODES } from '../../src/oci/errors.ts';
import { OPERATIONS, parseOciRequest } from '../../src/oci/request.ts';
import { runLayover } from '../support/run-layover.ts';

const page = join(import.meta.dirname, '../../docs/spec/api.md');

describe('the reference of the API', () => {
  it('is current: `npm run api-docs` generates it', async () => {
    expect(await readFile(page, 'utf8')).toBe(renderApiDocs());
  });

  it('is what the command prints', async () => {
    expect(await runLayover(['api-docs'])).toMatchObject({ code: 0, stdout: renderApiDocs() });
  });

  it.each(Object.entries(OPERATIONS))('describes the request of %s', (kind, { endpoint, methods }) => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const path = ENDPOINTS[endpoint].path
      .replace('<name>', 'a/b')
      .replace('<reference>', 'latest')
      .replace('<digest>', digest)
      .replace('<id>', 'some-id');
    for (const method of methods) {
      expect(parseOciRequest(method, `${path}?digest=${digest}`).request.kind).toBe(kind);
    }
  });

  it('has every error code, with its status', () => {
    const text = renderApiDocs();
    for (const [code, { status }] of Object.entries(ERROR_CODES)) expect(text).toContain(`| \`${code}\` | ${status} |`);
  });
});
