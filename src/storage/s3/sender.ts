import type {
  $Command,
  S3Client,
  S3ClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes,
} from '@aws-sdk/client-s3';

import { areCredentialsRejected, statusOf } from './errors.ts';

/** A finished request to S3, including its retries. */
export interface S3Request {
  readonly command: string;
  readonly key: string;
  /** HTTP status. Absent when there was no response. */
  readonly status: number | undefined;
  readonly attempts: number;
  readonly durationMs: number;
}

export interface SignalOption {
  readonly signal?: AbortSignal | undefined;
}

interface SendOptions extends SignalOption {
  /** The store may need minutes for the response. */
  readonly patient?: boolean;
  /** A client of the registry waits for the response: fail before its timeout, including retries. */
  readonly promptly?: boolean;
}

/** Below the 30 s for which containerd waits for headers. Milliseconds. */
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

/** Sends requests. When the credentials are rejected, refreshes them and sends the request once more. */
export class S3Sender {
  readonly #options: S3SenderOptions;

  constructor(options: S3SenderOptions) {
    this.#options = options;
  }

  /** @param key of the object or prefix, for the log */
  async send<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    command: S3Command<I, O>,
    key: string,
    options: SendOptions = {},
  ): Promise<O> {
    try {
      return await this.#sendOnce(command, key, options);
    } catch (err) {
      if (!this.#options.canRefresh || !areCredentialsRejected(err)) throw err;
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
    const report = (metadata: Partial<O['$metadata']> | undefined, status: number | undefined) =>
      this.#options.onRequest?.({
        command: command.constructor.name.replace(/Command$/, ''),
        key,
        status,
        attempts: metadata?.attempts ?? 1,
        durationMs: performance.now() - startedAt,
      });
    try {
      const output = await this.#clientFor(options).send(command, { abortSignal: deadline.signal });
      report(output.$metadata, output.$metadata.httpStatusCode);
      return output;
    } catch (err) {
      report((err as Partial<ServiceOutputTypes>).$metadata, statusOf(err));
      throw deadline.expired ?? err;
    } finally {
      deadline.end();
    }
  }
}

/** Aborts with the caller's signal, and after the deadline. The deadline does not apply to the body of a response. */
function startDeadline({ signal, promptly }: SendOptions) {
  const controller = new AbortController();
  const deadline = {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    expired: undefined as Error | undefined,
    end: () => clearTimeout(timer),
  };
  const expire = () => {
    deadline.expired = new Error(`no successful response within ${PROMPT_DEADLINE_MS / 1000} s`);
    deadline.expired.name = 'TimeoutError';
    controller.abort();
  };
  const timer = promptly ? setTimeout(expire, PROMPT_DEADLINE_MS) : undefined;
  return deadline;
}
