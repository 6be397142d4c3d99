import { expect, it } from 'vitest';

import { parseListPage } from '../../../src/storage/azure/list-page.ts';

it('a page of a list has blobs and prefixes, without the directories of a hierarchical namespace', () => {
  const properties =
    '<Last-Modified>Fri, 27 Nov 2026 10:00:00 GMT</Last-Modified><Etag>0x8D</Etag><Content-Length>3</Content-Length>';
  const page = parseListPage(
    `<EnumerationResults><Blobs>` +
      `<Blob><Name>a&amp;b</Name><Properties>${properties}</Properties></Blob>` +
      `<Blob><Name>d</Name><Properties>${properties}<ResourceType>directory</ResourceType></Properties></Blob>` +
      `<Blob><Name>e</Name><Properties>${properties}</Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>` +
      `<BlobPrefix><Name>x/</Name></BlobPrefix></Blobs><NextMarker>m</NextMarker></EnumerationResults>`,
  );
  expect(page).toEqual({
    blobs: [{ name: 'a&b', size: 3, etag: '"0x8D"', modifiedAt: new Date('2026-11-27T10:00:00Z') }],
    prefixes: ['x/'],
    marker: 'm',
  });
});

it('the last page has no marker, and a cut one no blobs that are incomplete', () => {
  expect(parseListPage('<Blobs><Blob><Name>a</Name>')).toEqual({ blobs: [], prefixes: [], marker: undefined });
  expect(parseListPage('<Blobs /><NextMarker />').marker).toBeUndefined();
});

it('a name that XML cannot have is decoded', () => {
  const page = parseListPage(
    '<Blob><Name Encoded="true">d/a%EF%BF%BE%25b&amp;c</Name></Blob>' +
      '<Blob><Name Encoded="false">d/100%25</Name></Blob>' +
      '<BlobPrefix><Name Encoded="true">x%EF%BF%BF/</Name></BlobPrefix>',
  );
  expect(page.blobs.map(({ name }) => name)).toEqual(['d/a\uFFFE%b&c', 'd/100%25']);
  expect(page.prefixes).toEqual(['x\uFFFF/']);
});

it.each(['<Name></Name>', '<Name />', '', '<Name Encoded="true">%FF</Name>', '<Name Encoded="odd">a</Name>'])(
  'a page with a blob without a name is rejected: %s',
  (name) => {
    expect(() => parseListPage(`<Blob>${name}</Blob>`)).toThrow('without a valid name');
    expect(() => parseListPage(`<BlobPrefix>${name}</BlobPrefix>`)).toThrow('without a valid name');
  },
);
