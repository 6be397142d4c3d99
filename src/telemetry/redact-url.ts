/** Query parameters of the distribution API and its mirrors; the value of any other may be a secret. */
const HARMLESS = new Set(['n', 'last', 'ns', 'artifactType', 'digest', 'mount', 'from']);

/** What a harmless value is made of: nothing that could start another parameter or end a userinfo. */
const PLAIN_VALUE = /^(?:[\w.~:/+*,-]|%(?!40))*$/;

/** `user:password@` of an authority, wherever in the text one begins. */
const USERINFO = /\/\/[^/?#]*@/g;

/**
 * A URL or request target fit for a log: without userinfo, without fragment, and with `REDACTED` for the value of
 * every query parameter that is not the API's own, as signed URLs and token requests carry secrets there.
 */
export function redactUrl(url: string): string {
  const fragmentAt = url.indexOf('#');
  const withoutFragment = fragmentAt === -1 ? url : url.slice(0, fragmentAt);
  const queryAt = withoutFragment.indexOf('?');
  if (queryAt === -1) return redactUserinfo(withoutFragment);
  const query = withoutFragment.slice(queryAt + 1);
  return `${redactUserinfo(withoutFragment.slice(0, queryAt))}?${query.split('&').map(redactParameter).join('&')}`;
}

function redactUserinfo(text: string): string {
  return text.includes('@') ? text.replace(USERINFO, '//') : text;
}

function redactParameter(parameter: string): string {
  const equalsAt = parameter.indexOf('=');
  if (equalsAt === -1) return parameter === '' || HARMLESS.has(parameter) ? parameter : 'REDACTED';
  const name = parameter.slice(0, equalsAt);
  const value = parameter.slice(equalsAt + 1);
  return HARMLESS.has(name) && PLAIN_VALUE.test(value) ? parameter : `${name}=REDACTED`;
}
