import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { lateDefault, withDefault } from './defaults.ts';
import { bool, simple } from './number.ts';
import { choice, secret, text } from './text.ts';

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

const mail = z.strictObject({
  smtp: z
    .strictObject({
      addr: text('host:port of the mail server.').optional(),
      username: text('User at the mail server.').optional(),
      password: secret('Password at the mail server.').optional(),
      insecure: bool('Do not verify the mail server.').optional(),
    })
    .optional(),
  from: text('Sender.').optional(),
  to: z.array(text('A receiver.')).optional(),
});

const hook = z.strictObject({
  disabled: bool('Turn the hook off.').optional(),
  type: text('mail').optional(),
  levels: z.array(text('A level that fires the hook.')).optional(),
  options: mail.optional(),
});

const level = lateDefault(choice('Least important level that is logged.', LEVELS), 'info');

export const log = z
  .strictObject({
    accesslog: z
      .strictObject({
        disabled: withDefault(
          bool('`true`: no line per request; responses of 500 and above are still logged.'),
          'false',
        ),
      })
      .describe('The line per request.')
      .prefault({}),
    level: level.key,
    formatter: withDefault(choice("Format of a line, like distribution's.", ['text', 'json', 'logstash']), 'text'),
    fields: z.record(z.string(), simple('A value.')).describe('Added to every line.').optional(),
    hooks: z.array(hook).describe('Mail for log lines.').optional(),
    reportcaller: bool('Log the source code position.').optional(),
  })
  .transform(({ level: lowest, formatter, fields = {}, accesslog }) => ({
    level: lowest,
    format: formatter,
    fields,
    accessLog: !accesslog.disabled,
  }))
  .describe('Logging.');

export const loglevel = choice('Deprecated: use `log.level`.', LEVELS).meta({ deprecated: true });

/** Without `log.level` and `loglevel`. */
export const DEFAULT_LEVEL = level.value;

export type LogConfig = Immutable<Omit<z.output<typeof log>, 'level'>> & { readonly level: LogLevel };
export type LogLevel = z.output<typeof loglevel>;
export type LogFormat = LogConfig['format'];
