import type { Answered } from './ask.ts';

export interface Part {
  readonly contentType: string | undefined;
  readonly contentRange: string | undefined;
  readonly body: Buffer;
}

/** Takes a `multipart/byteranges` body apart: RFC 2046, section 5.1. @throws {Error} when it is none */
export function readParts({ headers, body }: Answered): Part[] {
  const [, boundary] = /^multipart\/byteranges; boundary=([\w-]+)$/.exec(headers['content-type'] ?? '') ?? [];
  if (boundary === undefined) throw new Error(`no multipart/byteranges: ${headers['content-type']}`);
  const text = body.toString('latin1');
  const [before, ...rest] = `\r\n${text}`.split(`\r\n--${boundary}`);
  const after = rest.pop();
  if (before !== '' || after !== '--\r\n') throw new Error(`what is around the parts: ${before}, ${after}`);
  return rest.map((part) => {
    const [, head = '', content = ''] = /^\r\n(.*?)\r\n\r\n(.*)$/s.exec(part) ?? [];
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1];
    const contentType = field('content-type')?.trim();
    return { contentType, contentRange: field('content-range')?.trim(), body: Buffer.from(content, 'latin1') };
  });
}
