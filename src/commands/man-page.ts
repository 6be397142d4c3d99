import type { Command, Option } from 'commander';

/** Bytes of a line. */
const WIDTH = 78;

/**
 * The manual page of a program in mdoc, from its commands.
 *
 * @param date such as `May 3, 2026`
 * @see https://man.openbsd.org/mdoc.7
 */
export function manPage(program: Command, date: string): string {
  const name = program.name();
  const lines = [
    ...[`.Dd ${date}`, `.Dt ${name.toUpperCase()} 1`, '.Os', '.Sh NAME', `.Nm ${name}`],
    ...[`.Nd ${decapitalized(program.description())}`, '.Sh SYNOPSIS', '.Nm', '.Ar command', '.Op Ar argument ...'],
    ...['.Sh DESCRIPTION', '.Nm', 'has the commands below.'],
    ...textLines('Every command has more text and examples with --help.'),
    ...['.Sh COMMANDS', '.Bl -tag -width Ds'],
    ...leavesOf(program).flatMap(({ path, command }) => commandLines(path, command)),
    ...['.El', '.Sh EXIT STATUS', '.Ex -std'],
  ];
  return `${lines.join('\n')}\n`;
}

interface Leaf {
  readonly path: readonly string[];
  readonly command: Command;
}

/** Commands without commands below them, in the order of the help. */
function leavesOf(command: Command, path: readonly string[] = []): readonly Leaf[] {
  const below = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');
  if (below.length === 0) return [{ path, command }];
  return below.flatMap((one) => leavesOf(one, [...path, one.name()]));
}

function commandLines(path: readonly string[], command: Command): string[] {
  const args = command.registeredArguments.map((one) => `Ar ${word(one.name())}${one.variadic ? ' ...' : ''}`);
  const options = command.options.filter(({ hidden }) => !hidden).flatMap(optionLines);
  const list = options.length === 0 ? [] : ['.Bl -tag -width Ds', ...options, '.El'];
  return [`.It Cm ${[...path.map(word), ...args].join(' ')}`, ...textLines(command.description()), ...list];
}

function optionLines({ short, long, flags, description }: Option): string[] {
  const names = [short, long].filter((name) => name !== undefined).map((name) => `Fl ${word(name.slice(1))}`);
  const [, value] = /[<[]([^>\]]+)[>\]]/.exec(flags) ?? [];
  return [`.It ${names.join(' , ')}${value === undefined ? '' : ` Ar ${word(value)}`}`, ...textLines(description)];
}

/** A word of a line with macros, which must not be taken for one. */
function word(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('"', '\\(dq');
  return /^[A-Z][a-z]$|^[.,:;()[\]?!'|]/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Running text: a new line for each sentence, and no line that begins like a macro. */
function textLines(text: string): string[] {
  const sentences = text.replaceAll('\\', '\\e').split(/(?<=[.!?:])\s+/);
  return sentences.flatMap(wrapped).map((line) => (/^[.']/.test(line) ? `\\&${line}` : line));
}

function wrapped(sentence: string): string[] {
  const lines: string[] = [];
  for (const one of sentence.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + one.length < WIDTH) lines[lines.length - 1] = `${last} ${one}`;
    else lines.push(one);
  }
  return lines;
}

function decapitalized(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
