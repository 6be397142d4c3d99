import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeRecord, encodeRecord, findRecords, type QueueRecord } from '../../src/notifications/queue/record.ts';

const event = fc.record({
  record: fc.record({ queuedAt: fc.nat(), isPull: fc.boolean() }),
  json: fc.jsonValue().map((value) => JSON.stringify(value)),
});
const events = fc.array(event, { minLength: 1, maxLength: 8 });

type Written = { readonly line: Buffer; readonly record: QueueRecord; readonly json: string };

function write(list: readonly { record: Omit<QueueRecord, 'sequence'>; json: string }[]): Written[] {
  return list.map(({ record, json }, index) => {
    const numbered = { sequence: index + 1, ...record };
    return { line: encodeRecord(numbered, json), record: numbered, json };
  });
}

const concatenated = (written: readonly Written[]) => Buffer.concat(written.map(({ line }) => line));

describe('the file of a queue', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(events, (list) => {
        const written = write(list);
        const file = concatenated(written);
        const found = [...findRecords(file)];
        expect(found.map(({ offset: _, bytes: __, ...record }) => record)).toEqual(written.map(({ record }) => record));
        const lines = found.map(({ offset, bytes }) => decodeRecord(file.subarray(offset, offset + bytes)));
        expect(lines).toEqual(written.map(({ json }) => json));
      }),
    );
  });

  it('has all complete records after a cut anywhere', () => {
    fc.assert(
      fc.property(events, fc.nat(), (list, where) => {
        const written = write(list);
        const file = concatenated(written);
        const cut = where % (file.length + 1);
        let end = 0;
        const whole = written.filter(({ line }) => (end += line.length) <= cut);
        const found = [...findRecords(file.subarray(0, cut))];
        expect(found.map(({ sequence }) => sequence)).toEqual(whole.map(({ record }) => record.sequence));
      }),
    );
  });

  it('loses only the record with a wrong byte', () => {
    fc.assert(
      fc.property(events, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, where, flip) => {
        const written = write(list);
        const file = concatenated(written);
        const at = where % file.length;
        file[at] = (file[at] ?? 0) ^ flip;
        let end = 0;
        const hit = written.findIndex(({ line }) => (end += line.length) > at);
        // A lost or an additional line end damages one line; a damaged line end also damages the next line.
        const spoilt = at === end - 1 ? [hit, hit + 1] : [hit];
        const expected = written.filter((_, index) => !spoilt.includes(index)).map(({ record }) => record.sequence);
        expect([...findRecords(file)].map(({ sequence }) => sequence)).toEqual(expected);
      }),
    );
  });
});
