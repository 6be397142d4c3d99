/** The document for people, and the same one for the server. */
export const DOCUMENT_PATHS = ['docs/spec/admin-openapi.json', 'src/admin/openapi.json'].map(
  (path) => new URL(`../../${path}`, import.meta.url),
);
