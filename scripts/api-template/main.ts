// distribution's `registry-api-descriptor-template`: renders a Go template with the description of this registry's API.
//   bin/registry-api-descriptor-template api.md.tmpl > api.md
// `layover api-docs` prints our own reference of the API, which needs no template.
import { readFileSync } from 'node:fs';
import { argv, env, stderr, stdout } from 'node:process';

import { apiDescriptors } from './descriptors.ts';
import { renderTemplate } from './render.ts';
import { statusText } from './status-text.ts';

const FUNCTIONS = {
  removenewlines: (text: unknown) => String(text).replaceAll(/\n\s*/g, ' '),
  statustext: statusText,
  /** `{name:pattern}` of a route becomes `<name>`; our paths have no patterns. */
  prettygorilla: (path: unknown) => String(path).replaceAll(/\{(\w+)(?::(?:[^{}]|\{[^{}]*\})*)?\}/g, '<$1>'),
};

const invokedAs = env['LAYOVER_INVOKED_AS'] ?? 'registry-api-descriptor-template';
const [, , file, ...more] = argv;
try {
  if (file === undefined || more.length > 0) throw new Error('please specify a template to execute.');
  stdout.write(renderTemplate(readFileSync(file, 'utf8'), apiDescriptors(), FUNCTIONS));
} catch (err) {
  stderr.write(`${invokedAs}: ${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = 1;
}
