import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import { decodeGoJson, fieldsOf } from '../../src/oci/go-json.ts';
import { JsonCursor, MAX_DEPTH } from '../../src/oci/json-cursor.ts';
import { readManifest } from '../../src/oci/manifest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { cpuTimeOf } from '../support/cpu-time.ts';
import { codePoint } from '../support/code-point.ts';

const digestOfText = (text: string) => digestOf(Buffer.from(text));
const [a, b, c] = [digestOfText('a'), digestOfText('b'), digestOfText('c')];
const layer = (digest: string, size = 1) => JSON.stringify({ mediaType: 'x/y', digest, size });

/** @param members JSON of the object's members */
const read = (members: string) =>
  readManifest(Buffer.from(`{"schemaVersion":2,"config":${layer(c)},${members}}`), { findDuplicates: true });
const layersOf = (members: string) =>
  read(members)
    .manifest.references.filter(({ kind }) => kind === 'layer')
    .map(({ digest }) => digest);

function isJson(bytes: Buffer): boolean {
  const cursor = new JsonCursor(bytes, { findDuplicates: false });
  try {
    cursor.skip();
    cursor.end();
    return true;
  } catch (err) {
    if (err instanceof RegistryError) return false;
    throw err;
  }
}

function isJsonToNode(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the cursor', () => {
  it.each([
    ...['{}', '[]', ' [ 1 , {"a" : [ ] } ] ', '"\\u00e4\\n"', '-0', '1.5e+10', '1E9', 'true', 'null', '"é"', '[[],{}]'],
    ...['', '{', '[1,]', '{"a":1,}', '{"a"}', '{1:2}', '01', '-', '1.', '.5', '1e', '+1', 'tru', 'nul', "'a'", '"\\x"'],
    ...[
      '"\\u123"',
      '"\\u12',
      '"\\',
      '"\\u"',
      '"\\a"',
      '"\\U0041"',
      '"\\uD83D\\ude00\\/\\b\\f\\r\\t"',
      '{"\\x":1}',
      '[{"a":"\\u00"}]',
    ],
    ...['"\\u12g4"', '"\n"', '"a', '[1 2]', '{} {}', '\u00a0{}', '\ufeff{}', '[}', '{]', 'NaN', '"\\', '1e+', '-01'],
  ])('accepts the same JSON as JSON.parse: %j', (text) => {
    expect(isJson(Buffer.from(text))).toBe(isJsonToNode(text));
  });

  it('accepts the same JSON as JSON.parse, for random text', () => {
    const broken = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', '"', '\\', ',', '{', '}', '[', ']', ':', '0', 'e', '-', ' ', '\n'),
      )
      .map(
        ([text, at, more]) => text.slice(0, at % (text.length + 1)) + more + text.slice((at % (text.length + 1)) + 1),
      );
    fc.assert(
      fc.property(fc.oneof(fc.json(), broken), (text) => {
        expect(isJson(Buffer.from(text))).toBe(isJsonToNode(Buffer.from(text).toString()));
      }),
      { numRuns: 3000 },
    );
  });

  const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;

  it('has the same limit for nesting as Go, and ignores brackets in strings', () => {
    expect(isJson(Buffer.from(nested(MAX_DEPTH)))).toBe(true);
    expect(isJson(Buffer.from(`[${nested(MAX_DEPTH)}]`))).toBe(false);
    expect(isJson(Buffer.from(JSON.stringify('[{'.repeat(MAX_DEPTH))))).toBe(true);
    expect(isJson(Buffer.from(`["\\"${'['.repeat(2 * MAX_DEPTH)}"]`))).toBe(true);
    expect(isJson(Buffer.from(`[${'[],'.repeat(2 * MAX_DEPTH)}{}]`))).toBe(true);
  });

  it('adds the nesting of values that are read and that are skipped', () => {
    const inside = (depth: number) => `"layers":[{"digest":"${a}","size":1,"x":${nested(depth)}}]`;
    expect(layersOf(inside(MAX_DEPTH - 4))).toEqual([a]);
    expect(() => read(inside(MAX_DEPTH - 2))).toThrow(/nested/);
  });

  it('stops reading four megabytes of brackets at the limit', async () => {
    const bytes = Buffer.from(`{"x":${'['.repeat(2_000_000)}${']'.repeat(2_000_000)}}`);
    const reading = () =>
      expect(() => readManifest(bytes)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
    expect(await cpuTimeOf(reading)).toBeLessThan(500);
  });
});

describe('a manifest is read as Go reads it', () => {
  it.each([
    ['a key in another case', `"LAYERS":[${layer(a)}]`, [a]],
    ['the Kelvin sign and the long s for k and s', `"layer\u017f":[${layer(a)}]`, [a]],
    ['an escape in the key', `"l\\u0061yers":[${layer(a)}]`, [a]],
    ['the last of two', `"layers":[${layer(a)}],"layers":[${layer(b)}]`, [b]],
    ['the last of two in another case', `"layers":[${layer(a)}],"Layers":[${layer(b)}]`, [b]],
    [
      'the last one, regardless of the first one with this case',
      `"layers":[],"Layers":[${layer(a)}],"layers":[${layer(b)}]`,
      [b],
    ],
    ['a null behind a list: nothing', `"layers":[${layer(a)}],"Layers":null`, []],
    ['a second descriptor without digest: the first one', `"layers":[${layer(a)}],"layers":[{"size":2}]`, [a]],
    [
      'a third list longer than the second: the entries of the first one',
      `"layers":[${layer(a)},${layer(b)}],"layers":[${layer(c)}],"layers":[{},{"size":2}]`,
      [c, b],
    ],
    ['no entries from before an empty list', `"layers":[${layer(a)},${layer(b)}],"layers":[],"layers":[{},{}]`, []],
    ['a digest key in another case', `"layers":[{"digest":"${a}","Digest":"${b}","size":1}]`, [b]],
    ['a null for a text: no effect', `"layers":[{"digest":"${a}","Digest":null,"size":1}]`, [a]],
    ['no other letters or spaces', `"läyers":[${layer(a)}],"layers ":[${layer(b)}],"layers":[]`, []],
  ])('%s', (_, members, expected) => {
    expect(layersOf(members)).toEqual(expected);
  });

  it('its subject as well, which null removes', () => {
    expect(read(`"subject":${layer(a)},"SUBJECT":${layer(b)}`).manifest.subject?.digest).toBe(b);
    expect(read(`"subject":${layer(a)},"SUBJECT":null`).manifest).not.toHaveProperty('subject');
  });

  it('but the keys of annotations keep their case', () => {
    const { manifest, ambiguity } = read('"annotations":{"a":"1","A":"2","__proto__":"3"}');
    expect(manifest.annotations).toEqual({ a: '1', A: '2', ['__proto__']: '3' });
    expect(ambiguity).toBeUndefined();
  });

  it('adding to annotations of an earlier key', () => {
    expect(read('"annotations":{"a":"1","b":"2"},"annotations":{"b":"3"}').manifest.annotations).toEqual({
      a: '1',
      b: '3',
    });
  });

  it.each([
    ['annotations', (map: string) => `"annotations":${map}`],
    ['the annotations of a descriptor', (map: string) => `"config":{"annotations":${map}}`],
    ['a list', (map: string) => `"layers":${map === '{}' ? '[{}]' : `[${'{},'.repeat(9_000)}{}]`}`],
  ])('in time proportional to its length, when %s are repeated many times', async (_, member) => {
    const many = `{${Array.from({ length: 9_000 }, (__, i) => `"k${i}":""`).join(',')}}`;
    const members = `${member(many)}${`,${member('{}')}`.repeat(20_000)}`;
    const reading = () => expect(read(members).ambiguity).toEqual(expect.any(String));
    expect(await cpuTimeOf(reading)).toBeLessThan(1_000);
  });

  it.each([
    ['two keys', '"layers":[],"layers":[]'],
    ['two keys in another case', '"layers":[],"Layers":[]'],
    ['one key in another case', '"Layers":[]'],
    ['unknown keys', '"x":1,"x":2'],
    ['unknown keys in another case', '"x":1,"X":2'],
    ['keys of a descriptor', `"layers":[{"digest":"${a}","size":1,"size":1}]`],
    ['keys of a platform', `"layers":[{"digest":"${a}","size":1,"platform":{"os":"a","OS":"b"}}]`],
    ['annotations', '"annotations":{"a":"1","a":"2"}'],
    ['annotations of a descriptor', `"layers":[{"digest":"${a}","size":1,"annotations":{"a":"1","a":"2"}}]`],
    ['keys deep inside of something unknown', '"x":[[{"y":{"z":1,"\\u007a":2}}]]'],
  ])('and is ambiguous when it has %s twice', (_, members) => {
    expect(read(members).ambiguity).toEqual(expect.any(String));
  });

  it('and is not when the same key is in several objects', () => {
    expect(read(`"layers":[${layer(a)},${layer(b)}],"x":[{"y":1},{"y":1,"Y":{"y":1}}]`).ambiguity).toBeUndefined();
  });

  it.each([
    ['a size with a fraction', `"layers":[{"digest":"${a}","size":1.0}]`],
    ['a size with an exponent', `"layers":[{"digest":"${a}","size":1e3}]`],
    ['layers that are an object', '"layers":{}'],
    ['annotations that are a list', '"annotations":[]'],
  ])('with %s, which Go rejects: the rest is decoded', (_, members) => {
    expect(read(members)).toMatchObject({ flaw: expect.any(String), manifest: { mediaType: OCI_MANIFEST } });
  });

  it('and rejected with too many entries or keys', () => {
    expect(() => read(`"layers":[${'{},'.repeat(100_000)}{}]`)).toThrow(/more than 100000 entries/);
    const keys = Array.from({ length: 10_001 }, (_, i) => `"k${i}":1`).join(',');
    expect(() => read(`"x":{${keys}}`)).toThrow(/more than 10000 keys/);
  });

  it('like JSON.parse when it is unambiguous', () => {
    const fields = fieldsOf({ size: { is: 'integer' }, digest: { is: 'text' }, annotations: { is: 'texts-by-key' } });
    const value = fc.record({
      size: fc.maxSafeInteger(),
      digest: fc.string({ unit: codePoint }),
      annotations: fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' })),
      other: fc.jsonValue(),
    });
    fc.assert(
      fc.property(value, ({ other, ...known }) => {
        const bytes = Buffer.from(JSON.stringify({ other, ...known }));
        const decoded = decodeGoJson(bytes, fields, { findDuplicates: true });
        expect(decoded).toEqual({ value: { ...known }, mismatch: undefined, ambiguity: undefined });
      }),
    );
  });
});
