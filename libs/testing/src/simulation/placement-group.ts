import { type Prng } from './prng.js';

export interface Member {
  readonly name: string;
}

export interface Placed {
  /** Given at joining: a member that was forgotten comes back as another one. */
  readonly memberId: number;
  readonly generation: number;
  readonly partitions: readonly number[];
}

const sessionTimeoutMs = 1_500;

/**
 * The coordinator of one group, as processes meet it: it places partitions, and knows nothing of owners. It
 * may even place one twice: nothing but time may hang on its word.
 */
export class PlacementGroup {
  generation = 0;
  private memberIds = 0;
  private heard = new Map<Member, { memberId: number; atMs: number }>();
  private placement = new Map<number, readonly Member[]>();

  constructor(
    private readonly partitions: number,
    private readonly prng: Prng,
    /** How often two members are told of one partition. */
    private double: number,
  ) {}

  /** A heartbeat: where the member stands. One that is not known joins, which moves partitions. */
  beat(member: Member, nowMs: number): Placed {
    this.sweep(nowMs);
    const known = this.heard.get(member);
    const memberId = known?.memberId ?? (this.memberIds += 1);
    this.heard.set(member, { memberId, atMs: nowMs });
    if (!known) this.rebalance();
    const partitions: number[] = [];
    for (const [partition, holders] of this.placement)
      if (holders.includes(member)) partitions.push(partition);
    return { memberId, generation: this.generation, partitions };
  }

  leave(member: Member): void {
    if (this.heard.delete(member)) this.rebalance();
  }

  /** Places everything anew, by chance. */
  rebalance(): void {
    this.generation += 1;
    const members = [...this.heard.keys()];
    this.placement.clear();
    if (members.length === 0) return;
    for (let p = 0; p < this.partitions; p++) {
      const isDouble = this.prng.chance(this.double);
      this.placement.set(p, isDouble ? members : [this.prng.pick(members)]);
    }
  }

  /** From now on it places each partition once. */
  heal(): void {
    this.double = 0;
    this.rebalance();
  }

  /** The coordinator forgets the group; its generations begin anew. */
  reset(): void {
    this.generation = 0;
    this.heard.clear();
    this.placement.clear();
  }

  holderOf(partition: number): Member | undefined {
    return this.placement.get(partition)?.[0];
  }

  private sweep(nowMs: number): void {
    let gone = false;
    for (const [member, { atMs }] of this.heard) {
      if (nowMs - atMs <= sessionTimeoutMs) continue;
      this.heard.delete(member);
      gone = true;
    }
    if (gone) this.rebalance();
  }
}
