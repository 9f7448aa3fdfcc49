import { explanationView } from './explanation-view.js';

describe('an explanation as users see it', () => {
  it('says why a task ended', () => {
    const ended = {
      phase: 'ended',
      end: 'rejected',
      reason: 'quota_queued_tasks',
      endedAtMs: 0,
      attemptsUsed: 0,
    } as const;
    expect(explanationView(ended)).toEqual({
      phase: 'ended',
      end: 'rejected',
      reason: 'quota_queued_tasks',
      ended_at: '1970-01-01T00:00:00.000Z',
      attempts_used: 0,
    });
  });

  it('says of a run whether it is to be cancelled or moved', () => {
    const run = { phase: 'leased', agentId: 'a1', attempt: 1, leasedAtMs: 0, startedAtMs: null } as const;
    const view = explanationView({ ...run, cancelRequested: false, moveRequested: true });
    expect(view).toMatchObject({ cancel_requested: false, move_requested: true, started_at: null });
  });
});
