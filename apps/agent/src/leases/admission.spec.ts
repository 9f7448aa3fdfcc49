import { Lease, type LeaseKey, Refusal } from '@fluxforge/agent-protocol';
import { NoopExecutor } from '../executors/noop/index.js';
import { type AdmissionView, admit, newestOf } from './admission.js';

const key: LeaseKey = { taskId: 't', life: 1, attempt: 3 };
const lease = { ...Lease.fromPartial({ executor: 'noop', notAfterMs: 1000 }), key };
const held = { key, term: 1, executor: 'noop', bootId: 'b', stage: 'running' } as const;
const fine: AdmissionView = {
  draining: false,
  hasRoom: true,
  slots: 2,
  occupied: 1,
  held: undefined,
  newest: undefined,
  executor: new NoopExecutor(),
  wallMs: 1000,
  isOutOfTime: false,
};

describe('admission of a lease', () => {
  it.each<[string, Partial<AdmissionView>, object]>([
    ['nothing against it', {}, { kind: 'run' }],
    ['held here', { held, draining: true, hasRoom: false }, { kind: 'repeat_acceptance' }],
    ['ended here, not acknowledged', { held: { ...held, stage: 'ended' } }, { kind: 'repeat_result' }],
    ['draining', { draining: true }, { why: Refusal.DRAINING }],
    ['unknown executor', { executor: undefined }, { why: Refusal.UNKNOWN_EXECUTOR }],
    ['past its not_after', { wallMs: 1001 }, { why: Refusal.NOT_AFTER_PASSED }],
    ['too late', { isOutOfTime: true }, { kind: 'out_of_time' }],
    ['no slot', { occupied: 2 }, { why: Refusal.NO_SLOT }],
    ['no room', { hasRoom: false }, { why: Refusal.JOURNAL_FULL }],
    [
      'a newer attempt known',
      { newest: { life: 1, attempt: 4, isActive: false } },
      { why: Refusal.OLD_ATTEMPT },
    ],
    [
      'a newer life known',
      { newest: { life: 2, attempt: 1, isActive: false } },
      { why: Refusal.OLD_ATTEMPT },
    ],
    ['the same, ended', { newest: { life: 1, attempt: 3, isActive: false } }, { why: Refusal.ALREADY_ENDED }],
    ['an older attempt known', { newest: { life: 1, attempt: 2, isActive: false } }, { kind: 'run' }],
    [
      'an older attempt in its slot',
      { occupied: 2, newest: { life: 1, attempt: 2, isActive: true } },
      { kind: 'run' },
    ],
    ['an older life', { newest: { life: 0, attempt: 9, isActive: false } }, { kind: 'run' }],
  ])('%s', (_, change, expected) => {
    expect(admit(lease, { ...fine, ...change })).toMatchObject(expected);
  });

  it('refuses an id that nobody gives', () => {
    const long = { ...lease, key: { ...key, taskId: 'x'.repeat(300) } };
    expect(admit(long, fine)).toMatchObject({ why: Refusal.INVALID });
  });

  it('finds the highest attempt among the held and the remembered', () => {
    const of = (attempt: number, stage: 'running' | 'ended') => ({
      ...held,
      stage,
      key: { ...key, attempt },
    });
    expect(newestOf(key, [of(1, 'ended'), of(5, 'running'), of(2, 'ended')], new Map())).toEqual({
      life: 1,
      attempt: 5,
      isActive: true,
    });
    const recent = new Map([['t', { life: 1, attempt: 9 }]]);
    expect(newestOf(key, [of(5, 'running')], recent)).toMatchObject({ attempt: 9, isActive: false });
    expect(newestOf(key, [held], new Map())).toBeUndefined();
  });
});
