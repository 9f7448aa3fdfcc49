/** A member of a group as the planner sees it: what it held last, and at which generation. */
export interface PlacementMember {
  readonly memberId: string;
  readonly held: readonly number[];
  readonly heldGeneration: number;
}

/**
 * Shares partition numbers among members: sizes differ by at most one, and a partition stays with
 * the member that holds it whenever that balance allows. Where two members claim one partition (one
 * of them slept through a rebalance), the later generation is right. Deterministic, because whichever
 * member the coordinator elects must come to the same plan.
 */
export function planPlacement(
  members: readonly PlacementMember[],
  partitions: number,
): Map<string, number[]> {
  const kept = keepHeld(members, partitions);
  const order = [...members].sort(
    (a, b) =>
      kept.get(b.memberId)!.length - kept.get(a.memberId)!.length || (a.memberId < b.memberId ? -1 : 1),
  );
  const base = Math.floor(partitions / Math.max(1, order.length));
  const larger = partitions - base * order.length;
  const taken = new Set<number>();
  const plan = new Map<string, number[]>();
  order.forEach(({ memberId }, i) => {
    const own = kept.get(memberId)!.slice(0, base + (i < larger ? 1 : 0));
    own.forEach((p) => taken.add(p));
    plan.set(memberId, own);
  });
  const free = Array.from({ length: partitions }, (_, p) => p).filter((p) => !taken.has(p));
  order.forEach(({ memberId }, i) => {
    const own = plan.get(memberId)!;
    own.push(...free.splice(0, base + (i < larger ? 1 : 0) - own.length));
    own.sort((a, b) => a - b);
  });
  return plan;
}

function keepHeld(members: readonly PlacementMember[], partitions: number): Map<string, number[]> {
  const holder = new Map<number, PlacementMember>();
  for (const member of [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))) {
    for (const p of member.held) {
      const rival = holder.get(p);
      if (p >= 0 && p < partitions && (!rival || rival.heldGeneration < member.heldGeneration)) {
        holder.set(p, member);
      }
    }
  }
  const kept = new Map<string, number[]>(members.map((m) => [m.memberId, []]));
  for (const p of [...holder.keys()].sort((a, b) => a - b)) kept.get(holder.get(p)!.memberId)!.push(p);
  return kept;
}
