import { ControlError } from '../operations/control-error.ts';
import type { EventControl, ListenOptions, ServiceEvent, ServiceEventData } from '../operations/event-control.ts';
import { EventSamples, type EventSources } from './event-samples.ts';

type Listener = (event: ServiceEvent) => void;

const MAX_LISTENERS = 50;
/** Milliseconds. */
const STEP_MS = 250;
/** Everything but fills is looked at once in so many steps. */
const SLOW_STEPS = 4;
/** After the last listener has left, events are gathered for one that connects again. Milliseconds. */
const LINGER_MS = 60_000;
const MAX_KEPT = 200;

/** Events of this process. They are found by looking at its state while there are listeners: nothing else knows of them. */
export class LocalEvents implements EventControl {
  readonly #sources: EventSources;
  readonly #listeners = new Map<Listener, () => void>();
  #gathering: Gathering | undefined;
  #leaving: NodeJS.Timeout | undefined;
  #isEnded = false;

  constructor(sources: EventSources) {
    this.#sources = sources;
  }

  listen(listener: Listener, { signal, onEnd, after }: ListenOptions): void {
    if (this.#isEnded) throw new ControlError('unavailable', 'the service is stopping');
    if (this.#listeners.size >= MAX_LISTENERS)
      throw new ControlError('unavailable', `there are ${MAX_LISTENERS} streams of events already`);
    clearTimeout(this.#leaving);
    this.#gathering ??= new Gathering(this.#sources, (event) => {
      for (const each of this.#listeners.keys()) each(event);
    });
    for (const event of this.#gathering.missedSince(after)) listener(event);
    this.#listeners.set(listener, onEnd);
    signal.addEventListener('abort', () => this.#left(listener), { once: true });
  }

  /** Ends all streams. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#leaving);
    this.#gathering?.stop();
    for (const onEnd of [...this.#listeners.values()]) onEnd();
  }

  #left(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0 || this.#isEnded) return;
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => {
      this.#gathering?.stop();
      this.#gathering = undefined;
    }, LINGER_MS).unref();
  }
}

/** Looks at the state again and again, and keeps the last events. */
class Gathering {
  readonly #samples: EventSamples;
  readonly #send: (event: ServiceEvent) => void;
  /** Ids of another time are not those of this one. */
  readonly #prefix = Date.now().toString(36);
  readonly #timer: NodeJS.Timeout;
  readonly #kept: ServiceEvent[] = [];
  #last = 0;
  #step = 0;
  #fills: ServiceEvent | undefined;
  #isLooking = false;

  constructor(sources: EventSources, send: (event: ServiceEvent) => void) {
    this.#samples = new EventSamples(sources);
    this.#send = send;
    this.#timer = setInterval(() => void this.#look(), STEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** For one that connects, perhaps again: the events that it has missed, and the current fills. */
  missedSince(id: string | undefined): readonly ServiceEvent[] {
    const fills = this.#fills ? [this.#fills] : [];
    if (id === undefined) return fills;
    const number = id.startsWith(`${this.#prefix}-`) ? Number(id.slice(this.#prefix.length + 1)) : NaN;
    const first = this.#last - this.#kept.length + 1;
    const isKnown = number >= first - 1 && number <= this.#last;
    if (!isKnown) return [{ id: this.#id(), type: 'reset', data: {} }, ...fills];
    return [...this.#kept.slice(number - first + 1), ...fills];
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const fills = await this.#samples.fills();
      // Only the last state of fills matters: it has the id of the event before.
      if (fills) this.#send((this.#fills = { id: this.#id(), ...fills }));
      if (this.#step++ % SLOW_STEPS === 0) for (const event of await this.#samples.changes()) this.#keep(event);
    } catch {
      // The sources are in memory; one of a service that is stopping may fail.
    } finally {
      this.#isLooking = false;
    }
  }

  #keep(data: ServiceEventData): void {
    this.#last++;
    const event = { id: this.#id(), ...data };
    this.#kept.push(event);
    if (this.#kept.length > MAX_KEPT) this.#kept.shift();
    this.#send(event);
  }

  #id(): string {
    return `${this.#prefix}-${this.#last}`;
  }
}
