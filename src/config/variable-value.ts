import { parseDocument } from 'yaml';
import type { Shape } from './shape.ts';
import type { ConfigNode } from './tree.ts';
import { type ParsedYaml, parseYamlVariable } from './yaml.ts';

/**
 * Reads the value of a variable for a key of this shape. Never throws.
 *
 * Text is taken as it stands, so that no `#`, `:` or `*` of a password is lost; everything else is YAML. Text in quotes
 * is YAML too, and loses them.
 */
export function readVariable(value: string, variable: string, shape: Shape): ParsedYaml {
  if (!isText(shape, value)) return parseYamlVariable(value, variable);
  const isSecret = shape.kind === 'scalar' && shape.reads === 'secret';
  return { root: textNode(isSecret ? readSecret(value) : readText(value), variable), problems: [], isBroken: false };
}

function isText(shape: Shape, value: string): boolean {
  if (shape.kind === 'list') return shape.takesOne && !/^\s*(?:\[|-\s)/.test(value);
  return shape.kind === 'scalar' && shape.reads !== 'yaml';
}

interface Text {
  readonly text: string;
  /** In quotes even nothing is a value. */
  readonly isNull: boolean;
}

function textNode(text: Text, variable: string): ConfigNode {
  return { kind: 'scalar', ...text, origin: { variable } };
}

function readText(value: string): Text {
  const trimmed = value.trim();
  const text = withoutQuotes(trimmed);
  return { text: text ?? trimmed, isNull: trimmed === '' };
}

/** What an editor adds at the end of a file is no part of what was put into the variable; spaces may be. */
function readSecret(value: string): Text {
  const line = value.replace(/\r?\n$/, '');
  const text = withoutQuotes(line);
  return { text: text === undefined || keepsQuotes(line) ? line : text, isNull: line.trim() === '' };
}

/**
 * A secret in quotes that YAML does not need there: they are part of it. Around anything but letters and digits, or what YAML takes
 * for a number or the like, somebody wrote them for YAML.
 */
export function keepsQuotes(value: string): boolean {
  const text = withoutQuotes(value.replace(/\r?\n$/, ''));
  return text !== undefined && /^[A-Za-z0-9]+$/.test(text) && isPlainText(text);
}

function isPlainText(text: string): boolean {
  return parseDocument(text, { schema: 'yaml-1.1' }).toJS() === text;
}

/** @returns what YAML makes of text that is in quotes from its first character to its last; undefined when it is not */
function withoutQuotes(value: string): string | undefined {
  if (!/^(?:'(?:[^']|'')*'|"(?:[^"\\]|\\.)*")$/s.test(value)) return undefined;
  const { root, problems } = parseYamlVariable(value, '');
  return problems.length === 0 && root.kind === 'scalar' ? root.text : undefined;
}
