import { isDeepStrictEqual } from 'node:util';

import type {
  BundleControl,
  BundleView,
  ForgottenBundle,
  ImportRequest,
  ImportStatus,
} from '../operations/bundle-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { ImportBundleOptions } from './import-bundle.ts';

export interface BundleImportsOptions extends Pick<ImportBundleOptions, 'target' | 'storageFailure' | 'space'> {
  /** Removes what an import left in storage when it was killed. */
  readonly removeAbandoned: () => Promise<void>;
  readonly isReadOnly: boolean;
  /** Reports an internal error. */
  readonly onError: (error: unknown) => void;
  readonly pins: {
    pin(bundle: string, names: readonly string[]): Promise<void>;
    list(): Promise<readonly BundleView[]>;
    forget(bundle: string): Promise<number>;
  };
}

interface Running {
  readonly request: ImportRequest;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Imports bundles into the storage of this process. The first import loads the code for it. */
export class BundleImports implements BundleControl {
  readonly #options: BundleImportsOptions;
  #running: Running | undefined;
  #status: ImportStatus = { running: false };

  constructor(options: BundleImportsOptions) {
    this.#options = options;
  }

  async startImport(request: ImportRequest): Promise<ImportStatus> {
    if (this.#running) {
      if (isDeepStrictEqual(this.#running.request, request)) return this.#status;
      throw new ControlError('held', 'another import is running');
    }
    if (this.#options.isReadOnly && !request.dryRun)
      throw new ControlError('unavailable', 'the storage is read-only: nothing can be imported');
    const stop = new AbortController();
    this.#status = { running: true };
    this.#running = { request, stop, done: this.#run(request, stop.signal) };
    return this.#status;
  }

  async importStatus(): Promise<ImportStatus> {
    return this.#status;
  }

  async stopImport(): Promise<ImportStatus> {
    await this.close();
    return this.#status;
  }

  bundles(): Promise<readonly BundleView[]> {
    return this.#options.pins.list();
  }

  async forgetBundle(id: string): Promise<ForgottenBundle> {
    return { pins: await this.#options.pins.forget(id) };
  }

  /** Stops the import that is running. */
  async close(): Promise<void> {
    this.#running?.stop.abort(new ControlError('unavailable', 'the import was stopped'));
    await this.#running?.done;
  }

  async #run(request: ImportRequest, signal: AbortSignal): Promise<void> {
    const end = await this.#import(request, signal);
    this.#status = { running: false, ...end };
    this.#running = undefined;
  }

  async #import(request: ImportRequest, signal: AbortSignal): Promise<Pick<ImportStatus, 'result' | 'error'>> {
    const { pins, removeAbandoned, ...options } = this.#options;
    const onProgress = (progress: ImportStatus['progress']) => (this.#status = { running: true, progress });
    const [{ importBundle }, { explainFailure }] = await Promise.all([
      import('./import-bundle.ts'),
      import('../images/failure.ts'),
    ]);
    const pin = (id: string, names: readonly string[]) => pins.pin(id, names);
    try {
      if (!request.dryRun) await removeAbandoned();
      return { result: await importBundle(request, { ...options, pin, onProgress, signal }) };
    } catch (err) {
      const explained = err instanceof ControlError ? err.message : explainFailure(err);
      if (explained === undefined) this.#options.onError(err);
      return { error: explained ?? 'internal error; see the log' };
    }
  }
}
