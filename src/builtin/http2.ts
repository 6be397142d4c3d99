/** `node:http2`, loaded by the first call: 5 MB that a server without clients of HTTP/2 does not need. */
export function http2() {
  return process.getBuiltinModule('node:http2');
}
