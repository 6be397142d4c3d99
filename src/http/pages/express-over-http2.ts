import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import { isHttp2 } from '../listen/http2.ts';

/**
 * Lets Express answer requests of HTTP/2. It replaces the prototype of what it is given by one of its own, which is made for
 * HTTP/1 alone; here its methods are put before those of HTTP/2 instead.
 */
export function overHttp2(app: RequestListener): RequestListener {
  return (req, res) => {
    if (isHttp2(req)) app(withOtherPrototype(req), withOtherPrototype(res));
    else app(req, res);
  };
}

function withOtherPrototype<T extends IncomingMessage | ServerResponse>(target: T): T {
  let methods: object = Object.getPrototypeOf(target) as object;
  return new Proxy(target, {
    get: (_target, name, receiver) => {
      if (name in target) return Reflect.get(target, name, target) as unknown;
      return Reflect.get(methods, name, receiver) as unknown;
    },
    set: (_target, name, value) => Reflect.set(target, name, value, target),
    has: (_target, name) => name in target || name in methods,
    setPrototypeOf(_target, prototype) {
      methods = prototype ?? methods;
      return true;
    },
  });
}
