import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Tests of one run that may pass at their second attempt; more fail the run. */
const RETRY_BUDGET = 3;

/** Ends every suite with its failed tests, a line each, and then `N passed, N failed`: for people and for `.ci/run`. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    const retried: TestCase[] = [];
    for (const module of modules) {
      // A file that does not load has no tests, and still is a failure.
      if (module.errors().length > 0) {
        count.failed++;
        writeFailure(module.relativeModuleId, module.errors());
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        count[state]++;
        if (state === 'failed') writeFailure(`${module.relativeModuleId} > ${test.fullName}`, errors);
        if (test.diagnostic()?.flaky) retried.push(test);
      }
    }
    for (const error of unhandledErrors) writeFailure('outside of any test', [error]);
    for (const test of retried) write(`retried: ${test.module.relativeModuleId} > ${test.fullName}`);
    if (retried.length > RETRY_BUDGET) {
      write(`${retried.length} tests passed only when retried; at most ${RETRY_BUDGET} may`);
      count.failed++;
      process.exitCode = 1;
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    const again = retried.length > 0 ? `, ${retried.length} retried` : '';
    write(`\n${count.passed} passed, ${count.failed} failed${skipped}${again}`);
  }
}

function writeFailure(name: string, errors: readonly unknown[] = []): void {
  const [first] = errors;
  const reasons = [first, first instanceof Object && 'cause' in first ? first.cause : undefined];
  const messages = reasons.filter((reason) => reason !== undefined).map((reason) => messageOf(reason));
  write(`failed: ${name}: ${messages.join(' ')}`);
}

/** Its first line. */
function messageOf(error: unknown): string {
  const message = error instanceof Object && 'message' in error ? String(error.message) : String(error);
  return message.split('\n', 1)[0] ?? '';
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
