import { pino } from 'pino';
import type { Logger } from 'pino';

import type { LogConfig, LogFormat, LogLevel } from '../config/config.ts';
import { openLogDestination } from './log-destination.ts';
import type { LogDestination } from './log-destination.ts';
import { formatFields, formatValue } from './log-fields.ts';
import type { LogFields } from './log-fields.ts';

export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A log that adds `fields` to every line. */
  child(fields: LogFields): Log;
  /** Resolves when every line so far has left the process; called before exit. */
  flush(): Promise<void>;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** logrus writes `warning`, in every format. */
const LEVEL_NAME: Readonly<Record<LogLevel, string>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
};

/** Names that a format uses; a configured field of that name becomes `fields.<name>`, as logrus does. */
const RESERVED: Readonly<Record<LogFormat, readonly string[]>> = {
  text: ['time', 'level', 'msg'],
  json: ['time', 'level', 'msg'],
  logstash: ['@timestamp', '@version', 'level', 'message'],
};

/** A log in one of distribution's three formats: logrus' text, logrus' JSON, or logstash's JSON. Goes to stdout by default. */
export function createLog(config: LogConfig, destination: LogDestination = openLogDestination(1)): Log {
  const fields = Object.fromEntries(
    Object.entries(config.fields).map(([name, value]) => [
      RESERVED[config.format].includes(name) ? `fields.${name}` : name,
      value,
    ]),
  );
  return config.format === 'text'
    ? new TextLog(RANK[config.level], formatFields(fields), destination)
    : new PinoLog(createPino(config, fields, destination), destination);
}

class TextLog implements Log {
  readonly #rank: number;
  readonly #suffix: string;
  readonly #destination: LogDestination;

  constructor(rank: number, suffix: string, destination: LogDestination) {
    this.#rank = rank;
    this.#suffix = suffix;
    this.#destination = destination;
  }

  debug(fields: LogFields, message: string): void {
    if (this.#rank <= RANK.debug) this.#write('debug', fields, message);
  }

  info(fields: LogFields, message: string): void {
    if (this.#rank <= RANK.info) this.#write('info', fields, message);
  }

  warn(fields: LogFields, message: string): void {
    if (this.#rank <= RANK.warn) this.#write('warn', fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#write('error', fields, message);
  }

  child(fields: LogFields): Log {
    return new TextLog(this.#rank, this.#suffix + formatFields(fields), this.#destination);
  }

  flush(): Promise<void> {
    return this.#destination.flush();
  }

  #write(level: LogLevel, fields: LogFields, message: string): void {
    const start = `time="${timestamp()}" level=${LEVEL_NAME[level]} msg=${formatValue(message)}`;
    this.#destination.write(`${start}${this.#suffix}${formatFields(fields)}\n`);
  }
}

class PinoLog implements Log {
  readonly #pino: Logger;
  readonly #destination: LogDestination;

  constructor(logger: Logger, destination: LogDestination) {
    this.#pino = logger;
    this.#destination = destination;
  }

  debug(fields: LogFields, message: string): void {
    this.#pino.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#pino.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#pino.warn(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#pino.error(fields, message);
  }

  child(fields: LogFields): Log {
    return new PinoLog(this.#pino.child(fields), this.#destination);
  }

  flush(): Promise<void> {
    return this.#destination.flush();
  }
}

function createPino(config: LogConfig, fields: LogFields, destination: LogDestination): Logger {
  const logstash = config.format === 'logstash';
  const timeKey = logstash ? '@timestamp' : 'time';
  return pino(
    {
      level: config.level,
      base: logstash ? { '@version': '1', ...fields } : fields,
      messageKey: logstash ? 'message' : 'msg',
      timestamp: () => `,"${timeKey}":"${timestamp()}"`,
      formatters: { level: (label) => ({ level: LEVEL_NAME[label as LogLevel] }) },
    },
    { write: (line) => destination.write(line) },
  );
}

let lastMs = 0;
let lastTimestamp = '';

/** RFC 3339, UTC. Many lines fall into one millisecond, and formatting it costs as much as three fields. */
function timestamp(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastTimestamp = new Date(now).toISOString();
  }
  return lastTimestamp;
}
