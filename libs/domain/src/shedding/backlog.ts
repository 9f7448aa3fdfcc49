/** One tenant's commands of a partition that were written through this server and are not decided yet. */
interface Account {
  count: number;
}

interface Written {
  readonly offset: number;
  readonly tenantId: string;
}

class PartitionBacklog {
  readonly accounts = new Map<string, Account>();
  /** One behind the highest offset that this server was given. */
  end = 0;
  private written: Written[] = [];
  private first = 0;

  add(tenantId: string, offset: number, maxKept: number): void {
    this.end = Math.max(this.end, offset + 1);
    this.written.push({ offset, tenantId });
    const account = this.accounts.get(tenantId);
    if (account) account.count += 1;
    else this.accounts.set(tenantId, { count: 1 });
    if (this.written.length - this.first > maxKept) this.shift();
  }

  /** Answers to appends may come out of order by a little; what is passed over so is met with the next. */
  covered(below: number): void {
    for (let head = this.written[this.first]; head && head.offset < below; head = this.written[this.first]) {
      this.shift();
    }
  }

  private shift(): void {
    const { tenantId } = this.written[this.first]!;
    this.first += 1;
    const account = this.accounts.get(tenantId)!;
    account.count -= 1;
    if (account.count === 0) this.accounts.delete(tenantId);
    if (this.first * 2 < this.written.length) return;
    this.written = this.written.slice(this.first);
    this.first = 0;
  }
}

/**
 * How much of a partition's backlog is whose, as far as this server has made it. Bounded: beyond twice the limit the
 * oldest are taken for decided.
 */
export class Backlog {
  private readonly partitions = new Map<number, PartitionBacklog>();

  /** `maxRecords`: how far a partition may lag before it is looked at who makes it lag. */
  constructor(private readonly maxRecords: number) {}

  wrote(partition: number, tenantId: string, offset: number): void {
    let backlog = this.partitions.get(partition);
    if (!backlog) this.partitions.set(partition, (backlog = new PartitionBacklog()));
    backlog.add(tenantId, offset, 2 * this.maxRecords);
  }

  /**
   * Whether a tenant has more than its share of a backlog that is too long: an equal part for each tenant that has
   * commands waiting, of what one of `servers` may let in. At most twice its share is told from more.
   */
  exceeds(
    partition: number,
    tenantId: string,
    pulse: { readonly covered: number; readonly lag: number },
    servers: number,
    shares = 1,
  ): boolean {
    const backlog = this.partitions.get(partition);
    if (!backlog) return false;
    backlog.covered(pulse.covered);
    const lag = Math.max(pulse.lag, backlog.end - pulse.covered);
    if (lag < this.maxRecords) return false;
    const own = backlog.accounts.get(tenantId)?.count ?? 0;
    const tenants = Math.max(1, backlog.accounts.size);
    return own >= shares * Math.max(1, Math.floor(this.maxRecords / tenants / servers));
  }
}
