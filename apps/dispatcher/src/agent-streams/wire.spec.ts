import { Lease } from '@fluxforge/agent-protocol';
import { type TaskSpec } from '@fluxforge/events/catalogue';
import { wireRun } from './wire.js';

const spec: TaskSpec = {
  labels: {},
  executor: 'shell',
  command: 'true',
  selector: [],
  priority: 5,
  delivery_timeout_ms: 0,
  execution_timeout_ms: 30_000,
  kill_grace_ms: 5_000,
  max_attempts: 1,
  backoff: { base_ms: 500, max_ms: 1_000 },
  output_limit_bytes: 1_024,
};

/** The lease as an agent reads it. */
function arrived(over: Partial<TaskSpec>): Lease {
  const given = { key: undefined, term: 1, durationMs: 1, outputToken: '', traceparent: '' };
  return Lease.decode(Lease.encode({ ...given, ...wireRun({ ...spec, ...over }) }).finish());
}

describe('the limits of a run', () => {
  it('arrive as they are', () => {
    expect(arrived({ not_after_ms: 7 })).toMatchObject({
      timeoutMs: 30_000,
      killGraceMs: 5_000,
      outputLimitBytes: 1_024,
      notAfterMs: 7,
    });
  });

  it("are none and at once, not the agent's own, when they are 0", () => {
    const none = { killGraceMs: 0, outputLimitBytes: 0 };
    expect(arrived({ kill_grace_ms: 0, output_limit_bytes: 0 })).toMatchObject(none);
  });
});
