import { type Command, Option } from 'commander';

import { renderApiDocs } from './api-docs.ts';
import type { Output } from './config.ts';
import { DIGEST_ALGORITHMS, digestFiles, type FileDigestAlgorithm } from './digest.ts';

export interface ToolCommandsContext {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly out: Output;
  readonly err: Output;
  readonly end: (code: number) => void;
}

const DIGEST_HELP = `
Prints a line for each file: its digest, a tab, its name. When a file cannot be read, the reason goes to the standard
error, the other files are still printed, and the exit code is 1.

  $ layover digest layer.tar.gz
  $ layover digest -a sha512 *.tar
  $ curl -s http://localhost:5000/v2/app/manifests/1.0 | layover digest`;

const API_DOCS_HELP = `
Prints Markdown, generated from the tables that the server uses to parse requests.

  $ layover api-docs > docs/spec/api.md`;

const MAN_HELP = `
Prints the manual page of all commands in mdoc.

  $ layover man | man -l -
  $ layover man | gzip > /usr/local/share/man/man1/layover.1.gz`;

/** `digest`, `api-docs` and `man`. */
export function addToolCommands(program: Command, { stdin, out, err, end }: ToolCommandsContext): void {
  program
    .command('digest')
    .description('print the digests of files')
    .argument('[files...]', 'files; - is the standard input (default: -)')
    .addOption(
      new Option('-a, --algorithm <name>', 'hash algorithm').choices(DIGEST_ALGORITHMS).default(DIGEST_ALGORITHMS[0]),
    )
    .addHelpText('after', DIGEST_HELP)
    .action(async (files: string[], { algorithm }: { algorithm: FileDigestAlgorithm }) => {
      end(await digestFiles(files, { algorithm, name: 'layover', stdin, out, err }));
    });
  program
    .command('api-docs')
    .description('print the reference of the HTTP API')
    .addHelpText('after', API_DOCS_HELP)
    .action(() => {
      out.write(renderApiDocs());
    });
  program
    .command('man')
    .description('print the manual page')
    .addHelpText('after', MAN_HELP)
    .action(async () => {
      const { manPage } = await import('./man-page.ts');
      const format = new Intl.DateTimeFormat('en-US', { dateStyle: 'long', timeZone: 'UTC' });
      out.write(manPage(program, format.format(new Date())));
    });
}
