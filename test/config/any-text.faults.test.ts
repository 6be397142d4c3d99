import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { redactedConfig } from '../../src/config/redact.ts';
import { configSchema } from '../../src/config/schema/schema.ts';
import { type Shape, shapeOf } from '../../src/config/shape.ts';
import { codePoint } from '../support/code-point.ts';
import { configFile } from './config-file.ts';

function wordsOf(shape: Shape): string[] {
  if (shape.kind === 'object') return [...shape.keys].flatMap(([key, child]) => [key, ...wordsOf(child)]);
  if (shape.kind === 'list') return wordsOf(shape.item);
  return shape.kind === 'map' ? wordsOf(shape.value) : [];
}

const words = [...new Set(wordsOf(shapeOf(configSchema)))];

const word = fc.constantFrom(...words);
const scalar = fc.oneof(
  fc.constantFrom(
    '5s',
    '0',
    '-1',
    'true',
    '~',
    '',
    'https://a.example',
    ':5000',
    '50GiB',
    '(',
    'error',
    '*a',
    '&a x',
    '!t y',
  ),
  fc.string({ maxLength: 12 }),
);
const quoted = scalar.map((text) => JSON.stringify(text));

const { yaml: flow } = fc.letrec<{ yaml: string }>((tie) => ({
  yaml: fc.oneof(
    { maxDepth: 6 },
    scalar,
    quoted,
    fc.array(tie('yaml'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    fc
      .array(fc.tuple(word, tie('yaml')), { maxLength: 4 })
      .map((pairs) => `{${pairs.map(([key, value]) => `${key}: ${value}`).join(', ')}}`),
  ),
}));

/** With valid outer keys, so that the generated values get past the first checks. */
const plausible = fc
  .array(fc.tuple(fc.constantFrom('http', 'proxy', 'health', 'log', 'auth', 'tags', 'redis'), flow), { maxLength: 4 })
  .map((sections) =>
    ['version: 0.1', 'storage: inmemory', ...sections.map(([key, value]) => `${key}: ${value}`)].join('\n'),
  );

const anything = fc.oneof(
  plausible,
  flow,
  fc.string({ unit: codePoint }),
  fc.string({ unit: fc.constantFrom(...'ab:-[]{}&*!|>\'"#%@`,?~ \n\t<') }),
);

const environment = fc.dictionary(
  fc
    .array(
      fc.oneof(
        word.map((text) => text.toUpperCase()),
        fc.constantFrom('0', '1', 'FILECHECKERS', ''),
      ),
      { maxLength: 5 },
    )
    .map((parts) => ['REGISTRY', ...parts].join('_')),
  flow,
  { maxKeys: 5 },
);

async function outcomeOf(text: string, env: Record<string, string>) {
  await using file = await configFile(text);
  return await loadConfig({ file: file.path, env }).catch((err: unknown) => err);
}

describe('any text and any environment', () => {
  it('gives a configuration that can be shown, or a ConfigError with the reason', async () => {
    const property = fc.asyncProperty(anything, environment, async (text, env) => {
      const outcome = await outcomeOf(text, env);
      if (outcome instanceof ConfigError) {
        expect(outcome.problems.length).toBeGreaterThan(0);
        return;
      }
      if (outcome instanceof Error) throw outcome;
      const { config } = outcome as Awaited<ReturnType<typeof loadConfig>>;
      expect(() => JSON.stringify(redactedConfig(config))).not.toThrow();
    });
    await fc.assert(property, { numRuns: 800 });
  });
});
