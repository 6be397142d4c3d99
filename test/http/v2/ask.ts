import { type HttpResponse, type RequestOptions, sendRequest } from '../../support/http-client.ts';

export type Answered = HttpResponse;

/** One request on its own connection; see {@link sendRequest}. */
export function ask(url: string, options: RequestOptions = {}): Promise<Answered> {
  return sendRequest(url, options);
}

export function json(answer: Answered): unknown {
  return JSON.parse(answer.body.toString());
}

/** Status and code of an error that has the shape the spec asks for. */
export function errorOf(answer: Answered): readonly [status: number, code: unknown] {
  const { errors } = json(answer) as { errors: { code: string; message: string }[] };
  return [answer.status, errors.map(({ code }) => code).join()];
}
