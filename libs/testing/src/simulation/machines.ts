import { hash32 } from '@fluxforge/domain/kernel';
import { type CheckResult } from '@fluxforge/events/catalogue';
import { type Prng } from './prng.js';

type Finding = Pick<CheckResult, 'outcome' | 'exit_code'>;

interface Spot {
  /** Generation that was applied here, 0: none. */
  applied: number;
  drifted: boolean;
}

/** What can never be put right here, and what never says anything: drawn by name, so that it stays so. */
const unfixableShare = 0.1;
const muteShare = 0.05;

/** The truth about every state on every machine: what applies change, what drifts, what checks see. */
export class Machines {
  flaky = 0.06;
  private readonly spots = new Map<string, Spot>();

  constructor(private readonly prng: Prng) {}

  /** What the state's check says now. */
  check(machine: string, stateId: string, generation: number): Finding {
    if (this.isMute(machine, stateId)) return { outcome: 'exited', exit_code: 127 };
    if (this.prng.chance(this.flaky)) return this.nothingSaid();
    return { outcome: 'exited', exit_code: this.isRight(machine, stateId, generation) ? 0 : 1 };
  }

  /** Runs an apply to its end; its exit code. */
  apply(machine: string, stateId: string, generation: number): number {
    if (this.isUnfixable(machine, stateId)) return this.prng.chance(0.5) ? 0 : 3;
    if (this.prng.chance(this.flaky * 3)) return this.prng.chance(0.5) ? 1 : 0;
    const spot = this.spot(machine, stateId);
    spot.applied = generation;
    spot.drifted = false;
    return 0;
  }

  drift(): void {
    const spots = [...this.spots.values()];
    if (spots.length > 0) this.prng.pick(spots).drifted = true;
  }

  isRight(machine: string, stateId: string, generation: number): boolean {
    const spot = this.spot(machine, stateId);
    return spot.applied === generation && !spot.drifted;
  }

  isUnfixable(machine: string, stateId: string): boolean {
    return hash32(`${machine}/${stateId}/unfixable`) % 1_000 < unfixableShare * 1_000;
  }

  isMute(machine: string, stateId: string): boolean {
    return hash32(`${machine}/${stateId}/mute`) % 1_000 < muteShare * 1_000;
  }

  private nothingSaid(): Finding {
    const outcome = this.prng.pick(['timed_out', 'signalled', 'not_executable', 'exited'] as const);
    return outcome === 'exited' ? { outcome, exit_code: this.prng.pick([126, 127]) } : { outcome };
  }

  private spot(machine: string, stateId: string): Spot {
    const key = `${machine}/${stateId}`;
    let spot = this.spots.get(key);
    if (!spot) {
      // Some machines are as they should be from the start.
      spot = { applied: this.prng.chance(0.3) ? 1 : 0, drifted: false };
      this.spots.set(key, spot);
    }
    return spot;
  }
}
