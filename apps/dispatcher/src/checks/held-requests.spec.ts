import { type CheckRequest } from '@fluxforge/events/catalogue';
import { HeldRequests } from './held-requests.js';

function request(agentId: string, round = 1): CheckRequest {
  const check = { state_id: 's', generation: 1, round, check_cmd: 'true', timeout_ms: 1000 };
  return { tenant_id: 't', agent_id: agentId, checks: [check] };
}

describe('check requests for an agent without a stream', () => {
  it('wait for its stream, in order, and are handed over once', () => {
    const held = new HeldRequests(() => 0);
    held.hold(request('a', 1));
    held.hold(request('a', 2));
    held.hold(request('b', 3));
    expect(held.take('t', 'a').map((r) => r.checks[0]?.round)).toEqual([1, 2]);
    expect(held.take('t', 'a')).toEqual([]);
    expect(held.take('t', 'b')).toHaveLength(1);
  });

  it('are let go once they have waited too long: the reconciler has asked again by then', () => {
    let now = 0;
    const held = new HeldRequests(() => now);
    held.hold(request('a', 1));
    now = 9_999;
    held.hold(request('a', 2));
    now = 10_000;
    expect(held.take('t', 'a').map((r) => r.checks[0]?.round)).toEqual([2]);
  });

  it('are bounded per agent: the oldest goes first', () => {
    const held = new HeldRequests(() => 0);
    for (let round = 1; round <= 6; round++) held.hold(request('a', round));
    expect(held.take('t', 'a').map((r) => r.checks[0]?.round)).toEqual([3, 4, 5, 6]);
  });
});
