import { parseDocument } from 'yaml';
import type { Shape } from './shape.ts';
import type { ConfigNode } from './tree.ts';
import { type ParsedYaml, parseYamlVariable } from './yaml.ts';

/**
 * Reads the value of a variable for a key of this shape. Never throws.
 *
 * Text is used literally, so that no `#`, `:` or `*` of a password is lost; other values are YAML. Quotes around a text are
 * YAML's, and are removed.
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
  /** An empty text in quotes is a value. */
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

/** One line break at the end is removed, because editors append it to files; spaces may be part of the secret. */
function readSecret(value: string): Text {
  const line = value.replace(/\r?\n$/, '');
  const text = withoutQuotes(line);
  return { text: text === undefined || keepsQuotes(line) ? line : text, isNull: line.trim() === '' };
}

/**
 * Whether quotes are part of a secret: around letters and digits YAML needs none. Around other text, and text that YAML reads as a
 * number or the like, they are YAML's.
 */
export function keepsQuotes(value: string): boolean {
  const text = withoutQuotes(value.replace(/\r?\n$/, ''));
  return text !== undefined && /^[A-Za-z0-9]+$/.test(text) && isPlainText(text);
}

function isPlainText(text: string): boolean {
  return parseDocument(text, { schema: 'yaml-1.1' }).toJS() === text;
}

/** The content of a text that is one quoted YAML scalar. Undefined for other text. */
function withoutQuotes(value: string): string | undefined {
  if (!/^(?:'(?:[^']|'')*'|"(?:[^"\\]|\\.)*")$/s.test(value)) return undefined;
  const { root, problems } = parseYamlVariable(value, '');
  return problems.length === 0 && root.kind === 'scalar' ? root.text : undefined;
}
