/** The description of the admin API, which the server sends. */
export const DOCUMENT_PATH = new URL('../../src/admin/openapi.json', import.meta.url);
