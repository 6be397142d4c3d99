/**
 * `node:http` without `import`. An import reads every export of a module of Node, and to read that of `WebSocket`, Node 24 loads its copy of
 * undici: 10 MB and 25 ms of every start.
 */
export const http = process.getBuiltinModule('node:http');
