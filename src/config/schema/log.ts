import { z } from 'zod';
import { bool, choice, secret, simple, text } from './scalar.ts';

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

const level = () => choice('Lines of lesser importance are not written. Default: info.', LEVELS);

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
  disabled: bool('Switch the hook off.').optional(),
  type: text('mail').optional(),
  levels: z.array(text('A level that fires the hook.')).optional(),
  options: mail.optional(),
});

export const log = z
  .strictObject({
    accesslog: z
      .strictObject({ disabled: bool('No line per request. Default: false.').optional() })
      .describe('The line per request.')
      .optional(),
    level: level().optional(),
    formatter: choice('Form of a line. Default: text.', ['text', 'json', 'logstash']).optional(),
    fields: z.record(z.string(), simple('A value.')).describe('Added to every line.').optional(),
    hooks: z.array(hook).describe('Mail on log lines.').optional(),
    reportcaller: bool('Name the code that logs.').optional(),
  })
  .describe('What is logged, and how.');

export const loglevel = level().meta({ description: 'Deprecated: log.level.', deprecated: true });
