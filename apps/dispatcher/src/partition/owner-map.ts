import { type GroupView } from '@fluxforge/events/log';

export interface OwnerAddress {
  /** Empty when nobody holds the partition, or it cannot be told now. */
  readonly address: string;
  readonly generation: number;
}

const refreshMs = 500;

/** Who holds which partition, by what the group's members say of themselves. Asked at most twice a second. */
export class OwnerMap {
  private view: GroupView = { generation: 0, members: [] };
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private asking: Promise<void> | null = null;

  constructor(
    private readonly ask: () => Promise<GroupView>,
    private readonly nowMs: () => number,
  ) {}

  async of(partition: number): Promise<OwnerAddress> {
    if (this.nowMs() - this.askedAtMs > refreshMs) await this.refresh();
    const member = this.view.members.find((m) => m.partitions.includes(partition));
    return { address: member?.metadata ?? '', generation: this.view.generation };
  }

  private async refresh(): Promise<void> {
    this.asking ??= this.ask()
      .then((view) => {
        this.view = view;
        this.askedAtMs = this.nowMs();
      })
      // An old answer is better than none: the agent backs off and asks again.
      .catch(() => undefined)
      .finally(() => {
        this.asking = null;
      });
    await this.asking;
  }
}
