import { type GroupHandlers, type GroupOptions, type GroupView, type Membership } from '../log/index.js';
import { planPlacement } from '../placement/index.js';

interface Member {
  readonly id: string;
  readonly options: GroupOptions;
  readonly handlers: GroupHandlers;
  held: readonly number[];
  heldGeneration: number;
  beat?: NodeJS.Timeout;
  expiry?: NodeJS.Timeout;
}

export type InMemoryMembership = Membership & {
  readonly memberId: () => string;
  /** As kill -9: no goodbye; the group notices when the session times out. */
  kill(): void;
  /** The coordinator throws the member out; it joins again by itself. */
  expel(): void;
};

/** A coordinator for one group: whoever joins or leaves raises the generation and moves partitions. */
export class InMemoryGroup {
  private readonly members = new Map<string, Member>();
  private generation = 0;
  private nextId = 1;

  constructor(private readonly partitionCount: (topic: string) => number) {}

  join(options: GroupOptions, handlers: GroupHandlers): InMemoryMembership {
    let member = this.admit(options, handlers);
    let open = true;
    return {
      memberId: () => member.id,
      view: async () => this.view(),
      close: async () => {
        if (!open) return;
        open = false;
        this.remove(member);
        handlers.onLost();
      },
      kill: () => {
        open = false;
        clearInterval(member.beat);
        member.expiry = setTimeout(() => this.remove(member), options.sessionTimeoutMs);
      },
      expel: () => {
        if (!open) return;
        this.remove(member);
        handlers.onLost();
        member = this.admit(options, handlers);
      },
    };
  }

  private view(): GroupView {
    const members = [...this.members.values()].map(({ id, options, held }) => ({
      memberId: id,
      metadata: options.metadata,
      partitions: held,
    }));
    return { generation: this.generation, members };
  }

  private admit(options: GroupOptions, handlers: GroupHandlers): Member {
    const id = `member-${String(this.nextId++).padStart(6, '0')}`;
    const member: Member = { id, options, handlers, held: [], heldGeneration: -1 };
    this.members.set(id, member);
    member.beat = setInterval(() => handlers.onHeartbeat(this.generation), options.heartbeatIntervalMs);
    this.rebalance();
    return member;
  }

  private remove(member: Member): void {
    clearInterval(member.beat);
    clearTimeout(member.expiry);
    if (this.members.delete(member.id)) this.rebalance();
  }

  private rebalance(): void {
    this.generation += 1;
    const members = [...this.members.values()];
    const topics = new Set(members.flatMap((m) => m.options.topics));
    const counts = [...topics].map((topic) => this.partitionCount(topic));
    const plan = planPlacement(
      members.map(({ id, held, heldGeneration }) => ({ memberId: id, held, heldGeneration })),
      Math.max(0, ...counts),
    );
    for (const member of members) this.place(member, plan.get(member.id)!, this.generation);
  }

  private place(member: Member, partitions: readonly number[], generation: number): void {
    member.held = partitions;
    member.heldGeneration = generation;
    setImmediate(() => {
      // A killed member hears nothing, and of two rebalances in a row only the last counts.
      const silent = member.expiry !== undefined || !this.members.has(member.id);
      if (!silent && member.heldGeneration === generation) member.handlers.onAssigned(partitions, generation);
    });
  }
}
