import {
  mostListed,
  type Listed,
  type Manifest,
  type SnapshotOf,
  type SnapshotStore,
} from '@fluxforge/events/snapshots';

interface Kept {
  readonly listed: Listed;
  readonly payload: Buffer;
}

/** The twin of the stores that last. */
export class InMemorySnapshots implements SnapshotStore {
  private readonly kept = new Map<string, Kept[]>();

  constructor(readonly name: SnapshotStore['name'] = 'disk') {}

  async list(of: SnapshotOf): Promise<Listed[]> {
    return this.of(of)
      .map(({ listed }) => listed)
      .slice(0, mostListed);
  }

  async read(of: SnapshotOf, manifest: Manifest): Promise<Buffer> {
    const found = this.of(of).find(({ listed }) => isSame(listed, manifest));
    if (!found) throw new Error(`the snapshot at ${manifest.next} is missing`);
    return found.payload;
  }

  async write(of: SnapshotOf, manifest: Manifest, payload: Buffer): Promise<boolean> {
    const { next, shape, checksum, foreignNext } = manifest;
    const there = this.of(of);
    if (there.some(({ listed }) => listed.shape === shape && listed.next >= next)) return false;
    const listed = { next, shape, checksum, foreignNext, bytes: payload.length };
    const all = [...there, { listed, payload }].sort((a, b) => b.listed.next - a.listed.next);
    this.kept.set(keyOf(of), all);
    return true;
  }

  async drop(of: SnapshotOf, dropped: readonly Manifest[]): Promise<void> {
    const left = this.of(of).filter(({ listed }) => !dropped.some((one) => isSame(listed, one)));
    this.kept.set(keyOf(of), left);
  }

  async close(): Promise<void> {}

  private of(of: SnapshotOf): readonly Kept[] {
    return this.kept.get(keyOf(of)) ?? [];
  }
}

function keyOf({ context, partition }: SnapshotOf): string {
  return `${context}-${partition}`;
}

function isSame(one: Manifest, other: Manifest): boolean {
  return one.next === other.next && one.shape === other.shape;
}
