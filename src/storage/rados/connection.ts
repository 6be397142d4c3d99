import { StorageUnavailableError } from '../driver.ts';
import { Completions, type Outcome } from './completions.ts';
import { callBlocking, loadLibrados, type LoadedLibrados, type Pointer } from './librados.ts';
import type { RadosSettings } from './options.ts';
import { isCode, NAME, RadosError } from './rados-error.ts';

/** A connected cluster and one of its pools. */
export interface OpenPool {
  readonly loaded: LoadedLibrados;
  readonly io: Pointer;
  /** {@link Completions.run} */
  readonly run: (call: string, start: (completion: Pointer) => number) => Promise<Outcome>;
}

interface Connected extends OpenPool {
  readonly cluster: Pointer;
  readonly completions: Completions;
}

/** Connects when it is first used, and again after a failure. */
export class RadosConnection {
  readonly #settings: RadosSettings;
  #connecting: Promise<Connected> | undefined;
  #current: Connected | undefined;
  #isClosed = false;

  constructor(settings: RadosSettings) {
    this.#settings = settings;
  }

  /** @throws {StorageUnavailableError} */
  async open(): Promise<OpenPool> {
    if (this.#isClosed) throw new StorageUnavailableError(`${NAME}: the driver has been closed`);
    const connecting = (this.#connecting ??= this.#connect());
    try {
      return await connecting;
    } catch (err) {
      if (this.#connecting === connecting) this.#connecting = undefined;
      throw err;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const connected = await this.#connecting?.catch(() => undefined);
    this.#connecting = undefined;
    if (connected) await disconnect(connected);
  }

  async #connect(): Promise<Connected> {
    const loaded = await loadLibrados();
    try {
      return await this.#connectWith(loaded);
    } catch (err) {
      if (!(err instanceof RadosError)) throw err;
      const { pool, user, configFile = "Ceph's default configuration" } = this.#settings;
      const message = `${NAME}: connecting to pool ${pool} as client.${user} by ${configFile}: ${err.message}`;
      throw new StorageUnavailableError(message, { code: `${err.call} ${err.code}`, cause: err });
    }
  }

  async #connectWith(loaded: LoadedLibrados): Promise<Connected> {
    const { librados } = loaded;
    const { pool, namespace } = this.#settings;
    const cluster = created('create2', (out) => librados.create2(out, 'ceph', `client.${this.#settings.user}`, 0));
    try {
      this.#configure(loaded, cluster);
      check('connect', await callBlocking(librados.connect, cluster));
      const out: [Pointer | null] = [null];
      check('ioctx_create', await callBlocking(librados.ioctx_create, cluster, pool, out));
      const io = out[0] as Pointer;
      librados.ioctx_set_namespace(io, namespace);
      return this.#connected(loaded, { cluster, io });
    } catch (err) {
      await callBlocking(librados.shutdown, cluster);
      throw err;
    }
  }

  #configure({ librados }: LoadedLibrados, cluster: Pointer): void {
    const { configFile, keyring, timeoutMs, connectTimeoutMs } = this.#settings;
    check('conf_read_file', librados.conf_read_file(cluster, configFile ?? null));
    const options: Record<string, string> = {
      ...(keyring !== undefined && { keyring }),
      rados_osd_op_timeout: seconds(timeoutMs),
      rados_mon_op_timeout: seconds(connectTimeoutMs),
      client_mount_timeout: seconds(connectTimeoutMs),
      // Without limits: a call that exceeds them would wait on the main thread until the cluster has responded to others.
      objecter_inflight_ops: '0',
      objecter_inflight_op_bytes: '0',
      // The log of Layover is on these.
      log_to_stderr: 'false',
      err_to_stderr: 'false',
    };
    for (const [option, value] of Object.entries(options)) {
      check(`conf_set ${option}`, librados.conf_set(cluster, option, value));
    }
  }

  #connected(loaded: LoadedLibrados, { cluster, io }: { cluster: Pointer; io: Pointer }): Connected {
    const completions = new Completions(loaded);
    const run = async (call: string, start: (completion: Pointer) => number) => {
      try {
        return await completions.run(call, start);
      } catch (err) {
        if (isCode(err, 'ESHUTDOWN')) this.#abandon(connected);
        throw err;
      }
    };
    const connected: Connected = { loaded, cluster, io, completions, run };
    this.#current = connected;
    return connected;
  }

  /** The cluster accepts no calls of this connection any more: the client was put on its blocklist. */
  #abandon(connected: Connected): void {
    if (this.#current !== connected) return;
    this.#current = undefined;
    this.#connecting = undefined;
    void disconnect(connected);
  }
}

async function disconnect({ loaded: { librados }, cluster, io, completions }: Connected): Promise<void> {
  await completions.cancelAll(io);
  librados.ioctx_destroy(io);
  await callBlocking(librados.shutdown, cluster);
}

function created(call: string, create: (out: [Pointer | null]) => number): Pointer {
  const out: [Pointer | null] = [null];
  check(call, create(out));
  return out[0] as Pointer;
}

function check(call: string, result: number): void {
  if (result < 0) throw new RadosError(call, result);
}

function seconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}
