/** The state of a host of an upstream. */
export interface BreakerView {
  readonly breaker: 'closed' | 'open' | 'half-open';
}
