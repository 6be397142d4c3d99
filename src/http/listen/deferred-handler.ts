import type { RequestListener } from 'node:http';

/**
 * Creates a handler whose modules are loaded by its first request. When that fails, the request gets status 500 and the next one tries again.
 *
 * @param onError gets the reason of a failure to load
 */
export function deferHandler(load: () => Promise<RequestListener>, onError: (error: unknown) => void): RequestListener {
  let loaded: Promise<RequestListener> | undefined;
  return (req, res) => {
    loaded ??= load();
    loaded.then(
      (handle) => handle(req, res),
      (error: unknown) => {
        loaded = undefined;
        onError(error);
        res.writeHead(500, { 'content-length': 0 }).end();
      },
    );
  };
}
