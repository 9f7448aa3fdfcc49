import {
  AgentFrame,
  CheckOutcome,
  ControlFrame,
  Outcome,
  Refusal,
  agentFrame,
  leaseKeyText,
  ordersFrame,
} from './index.js';

const key = { taskId: 't-1', life: 1, attempt: 2 };

describe('frames on the wire', () => {
  it('come back as they were sent, as discriminated unions', () => {
    const frame = ordersFrame({ epoch: 1, term: 7 }, [
      { $case: 'cancel', cancel: { key, reason: 'asked for' } },
      { $case: 'grant', grant: { nonce: 3, durationMs: 30_000 } },
    ]);
    expect(ControlFrame.decode(ControlFrame.encode(frame).finish())).toEqual(frame);
  });

  it('keep the order of messages of different kinds', () => {
    const frame = agentFrame([
      { $case: 'accepted', accepted: { key, term: 7 } },
      { $case: 'started', started: { key, term: 7, startedAtMs: 1_700_000_000_000 } },
      { $case: 'notHeld', notHeld: { key } },
    ]);
    const back = AgentFrame.decode(AgentFrame.encode(frame).finish());
    const kinds =
      back.body?.$case === 'messages'
        ? back.body.messages.messages.map((message) => message.body?.$case)
        : [];
    expect(kinds).toEqual(['accepted', 'started', 'notHeld']);
    expect(back).toEqual(frame);
  });

  it('tell leases apart by every part of their key', () => {
    const keys = [key, { ...key, attempt: 3 }, { ...key, life: 2 }, { ...key, taskId: 't-2' }];
    expect(new Set(keys.map(leaseKeyText)).size).toBe(4);
  });

  it('name every closed list by readable strings', () => {
    expect(Outcome.LEASE_EXPIRED).toBe('OUTCOME_LEASE_EXPIRED');
    expect(Refusal.NO_SLOT).toBe('REFUSAL_NO_SLOT');
    expect(CheckOutcome.NOT_EXECUTABLE).toBe('CHECK_OUTCOME_NOT_EXECUTABLE');
  });
});
