import type {
  $Command,
  S3Client,
  S3ClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes,
} from '@aws-sdk/client-s3';

import { areCredentialsRefused, statusOf } from './errors.ts';

/** One request to S3, with its retries. */
export interface S3Request {
  readonly command: string;
  readonly key: string;
  /** Undefined when there was no answer. */
  readonly status: number | undefined;
  readonly attempts: number;
  readonly durationMs: number;
}

export interface SignalOption {
  readonly signal?: AbortSignal | undefined;
}

interface SendOptions extends SignalOption {
  /** The store may need minutes for the answer. */
  readonly patient?: boolean;
  /** A client waits for the answer: give up, retries included, before it does. */
  readonly promptly?: boolean;
}

/** Containerd waits 30 s for headers. Milliseconds. */
const PROMPT_DEADLINE_MS = 20_000;

type S3Command<I extends ServiceInputTypes, O extends ServiceOutputTypes> = $Command<
  I,
  O,
  S3ClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>;

export interface S3SenderOptions {
  readonly client: S3Client;
  /** For {@link SendOptions.patient}. */
  readonly patientClient: S3Client;
  /** The credentials come from a chain that may have newer ones. */
  readonly canRefresh: boolean;
  readonly onRequest?: ((request: S3Request) => void) | undefined;
}

/** Sends requests; once more with fresh credentials when the ones at hand are refused. */
export class S3Sender {
  readonly #options: S3SenderOptions;

  constructor(options: S3SenderOptions) {
    this.#options = options;
  }

  /** @param key what the request is about, for the log */
  async send<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    command: S3Command<I, O>,
    key: string,
    options: SendOptions = {},
  ): Promise<O> {
    try {
      return await this.#sendOnce(command, key, options);
    } catch (err) {
      if (!this.#options.canRefresh || !areCredentialsRefused(err)) throw err;
      await this.#clientFor(options).config.credentials({ forceRefresh: true });
      return await this.#sendOnce(command, key, options);
    }
  }

  #clientFor({ patient }: SendOptions): S3Client {
    return patient ? this.#options.patientClient : this.#options.client;
  }

  async #sendOnce<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    command: S3Command<I, O>,
    key: string,
    options: SendOptions,
  ): Promise<O> {
    const deadline = startDeadline(options);
    const startedAt = performance.now();
    const tell = (metadata: Partial<O['$metadata']> | undefined, status: number | undefined) =>
      this.#options.onRequest?.({
        command: command.constructor.name.replace(/Command$/, ''),
        key,
        status,
        attempts: metadata?.attempts ?? 1,
        durationMs: performance.now() - startedAt,
      });
    try {
      const answer = await this.#clientFor(options).send(command, { abortSignal: deadline.signal });
      tell(answer.$metadata, answer.$metadata.httpStatusCode);
      return answer;
    } catch (err) {
      tell((err as Partial<ServiceOutputTypes>).$metadata, statusOf(err));
      throw deadline.expired ?? err;
    } finally {
      deadline.end();
    }
  }
}

/** Aborts with the caller's signal, and when the time is up; the body of an answer is no part of it. */
function startDeadline({ signal, promptly }: SendOptions) {
  const controller = new AbortController();
  const deadline = {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    expired: undefined as Error | undefined,
    end: () => clearTimeout(timer),
  };
  const expire = () => {
    deadline.expired = new Error(`no good answer within ${PROMPT_DEADLINE_MS / 1000} s`);
    deadline.expired.name = 'TimeoutError';
    controller.abort();
  };
  const timer = promptly ? setTimeout(expire, PROMPT_DEADLINE_MS) : undefined;
  return deadline;
}
