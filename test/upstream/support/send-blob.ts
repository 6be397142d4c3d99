import type { IncomingMessage, ServerResponse } from 'node:http';

/** Answers a GET or HEAD of bytes, or of one range `bytes=a-b` or `bytes=a-` of them. */
export function sendBlob(req: IncomingMessage, res: ServerResponse, bytes: Buffer): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '');
  if (!range) {
    res.writeHead(200, { 'content-length': bytes.length });
    res.end(req.method === 'HEAD' ? undefined : bytes);
    return;
  }
  const start = Number(range[1]);
  const end = Math.min(range[2] === '' ? Infinity : Number(range[2]) + 1, bytes.length);
  if (start >= end) {
    res.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  res.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}`, 'content-length': end - start });
  res.end(bytes.subarray(start, end));
}
