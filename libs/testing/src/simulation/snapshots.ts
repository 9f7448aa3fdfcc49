import { type ContextName, type EventBody } from '@fluxforge/events/catalogue';
import { type HostContext, type Snapshot } from '@fluxforge/events/partition-host';
import { decodeSnapshot, encodeSnapshot, PartitionFold } from '@fluxforge/events/snapshots';
import { type Topics } from '@fluxforge/events/topics';
import { type FaultyLog } from './faulty-log.js';
import { type Prng } from './prng.js';
import { type Timeline } from './timeline.js';

type Stored = ReturnType<typeof encodeSnapshot>;

const kept = 3;
const shape = 'sim';

/** Follows one partition and makes snapshots of it, from time to time; a new owner gets some of them. */
export class Snapshots<State, Own extends EventBody, Foreign extends EventBody> {
  private fold: PartitionFold<State, Own, Foreign>;
  private stored: Stored[] = [];

  constructor(
    private readonly timeline: Timeline,
    private readonly log: FaultyLog,
    private readonly topics: Topics,
    private readonly prng: Prng,
    private readonly context: HostContext<State, unknown, unknown, Own, Foreign>,
    private readonly partition: number,
  ) {
    this.fold = new PartitionFold(context, partition, null);
  }

  start(everyMs: number): void {
    if (everyMs === Infinity) return;
    this.timeline.after(this.prng.spread(everyMs), 'snapshot-made', () => {
      this.make();
      this.start(everyMs);
    });
  }

  /** What a store would answer: mostly the newest, at times an older one or none. */
  load(): Snapshot | null {
    if (this.stored.length === 0 || this.prng.chance(0.1)) return null;
    return decoded(this.prng.chance(0.2) ? this.prng.pick(this.stored) : (this.stored.at(-1) as Stored));
  }

  private make(): void {
    const other: ContextName = this.context.name === 'tasks' ? 'states' : 'tasks';
    const tp = (context: ContextName) => ({ topic: this.topics.events[context], partition: this.partition });
    const newest = this.stored.at(-1);
    if (newest && this.prng.chance(0.3)) {
      // A follower that begins anew begins where the stored one ends.
      this.fold = new PartitionFold(this.context, this.partition, decoded(newest));
    }
    this.fold.feedOwn(this.log.core.read(tp(this.context.name), this.fold.next, Infinity));
    for (let from = this.fold.foreignWanted; from !== null; from = this.fold.foreignWanted) {
      this.fold.feedForeign(this.log.core.read(tp(other), from, 50));
    }
    const snapshot = this.fold.snapshot();
    if (!snapshot || newest?.manifest.next === snapshot.position.next) return;
    this.stored = [...this.stored, encodeSnapshot(snapshot, shape)].slice(-kept);
  }
}

function decoded({ manifest, payload }: Stored): Snapshot {
  const snapshot = decodeSnapshot(manifest, payload);
  if (!snapshot) throw new Error('a snapshot that was just made cannot be read');
  return snapshot;
}
