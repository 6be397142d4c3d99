// distribution's `digest`: `digest [-a algorithm] [-version] [files...]`. `make binaries` puts it at bin/digest.
import { argv, env, exit, stderr, stdin, stdout } from 'node:process';
import { parseArgs } from 'node:util';

import { DIGEST_ALGORITHMS, digestFiles, type FileDigestAlgorithm } from '../src/commands/digest.ts';
import { versionLine } from '../src/version.ts';

const invokedAs = env['LAYOVER_INVOKED_AS'] ?? 'digest';
const USAGE = `usage: ${invokedAs} [files...]

Prints the digest of each file, a tab and its name. Without files it reads standard input.

  -a, -algorithm string   ${DIGEST_ALGORITHMS.join(', ')} (default "${DIGEST_ALGORITHMS[0]}")
  -version                print the version and exit
`;

exit(await run(argv.slice(2)));

/** @returns the exit code: 2 for wrong flags, like programs that use Go's flag package */
async function run(args: readonly string[]): Promise<number> {
  let parsed;
  try {
    parsed = parse(args);
  } catch (err) {
    stderr.write(`${err instanceof Error ? err.message : String(err)}\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help) {
    stderr.write(USAGE);
    return 0;
  }
  if (values.version) {
    stdout.write(`${versionLine(invokedAs)}\n`);
    return 0;
  }
  if (!isAlgorithm(values.algorithm)) {
    stderr.write(`${invokedAs}: unsupported digest algorithm: ${values.algorithm}\n`);
    return 1;
  }
  return digestFiles(positionals, { algorithm: values.algorithm, name: invokedAs, stdin, out: stdout, err: stderr });
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: args.map(withTwoDashes),
    allowPositionals: true,
    options: {
      algorithm: { type: 'string', short: 'a', default: DIGEST_ALGORITHMS[0] },
      version: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}

/** Go takes `-version` and `--version`, `-a=sha512` and `-a sha512`. */
function withTwoDashes(arg: string): string {
  return arg.replace(/^-a=/, '--algorithm=').replace(/^-(?=[a-z]{2})/, '--');
}

function isAlgorithm(name: string): name is FileDigestAlgorithm {
  return (DIGEST_ALGORITHMS as readonly string[]).includes(name);
}
