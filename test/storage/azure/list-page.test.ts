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
