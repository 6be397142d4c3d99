import { describe, expect, it } from 'vitest';

import { redactedConfig } from '../../src/config/redact.ts';
import { loadText, problemsOf } from './config-file.ts';
