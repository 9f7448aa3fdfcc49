import { type GroupHandlers, type Membership } from '../log/index.js';
import { eventually, type Scene } from './scene.js';
import { type LogClient } from './world.js';

const GROUP = { sessionTimeoutMs: 2_000, heartbeatIntervalMs: 100, rebalanceTimeoutMs: 3_000 };

class Placement implements GroupHandlers {
  readonly assigned: { partitions: readonly number[]; generation: number }[] = [];
  readonly beats: number[] = [];
  lost = 0;

  onAssigned(partitions: readonly number[], generation: number): void {
    this.assigned.push({ partitions, generation });
  }

  onHeartbeat(generation: number): void {
    this.beats.push(generation);
  }

  onLost(): void {
    this.lost += 1;
  }

  get now() {
    return this.assigned.at(-1) ?? { partitions: [], generation: -1 };
  }
}

export function describeGroups(scene: Scene): void {
  const join = async (
    client: LogClient,
    topics: string[],
    metadata: string,
  ): Promise<[Placement, Membership]> => {
    const placement = new Placement();
    const options = { ...GROUP, group: `${scene.tp.topic}-group`, topics, metadata };
    return [placement, await client.log.join(options, placement)];
  };
  const all = [0, 1, 2, 3];

  it('shares partitions between two members, moves few, and gives all back when one leaves', async () => {
    const topics = [scene.tp.topic, await scene.world.topic(4)];
    const [a, b] = [await scene.world.connect(), await scene.world.connect()];
    const [first, membership] = await join(a, topics, 'host-a:1');
    await eventually('one has all', () => first.now.partitions.length === 4);
    await eventually('heartbeats', () => first.beats.includes(first.now.generation));
    const alone = first.now.generation;
    const [second, leaving] = await join(b, topics, 'host-b:2');
    await eventually(
      'both have some',
      () => first.now.partitions.length === 2 && second.now.partitions.length === 2,
    );
    expect([...first.now.partitions, ...second.now.partitions].sort()).toEqual(all);
    expect(first.now.generation).toBeGreaterThan(alone);
    const view = await membership.view();
    expect(view.generation).toBe(second.now.generation);
    expect(view.members.map(({ metadata, partitions }) => [metadata, partitions]).sort()).toEqual([
      ['host-a:1', first.now.partitions],
      ['host-b:2', second.now.partitions],
    ]);
    await leaving.close();
    expect(second.lost).toBe(1);
    await eventually('the first has all again', () => first.now.partitions.length === 4);
    expect(first.now.generation).toBeGreaterThan(view.generation);
    expect(first.lost).toBe(0);
    await membership.close();
  });

  it('gives a killed member’s partitions to the others', async () => {
    const [a, b] = [await scene.world.connect(), await scene.world.connect()];
    const [survivor, membership] = await join(a, [scene.tp.topic], 'a');
    const [victim] = await join(b, [scene.tp.topic], 'b');
    await eventually(
      'both have some',
      () => survivor.now.partitions.length === 2 && victim.now.partitions.length === 2,
    );
    const kept = survivor.now.partitions;
    await b.kill();
    await eventually('the survivor has all', () => survivor.now.partitions.length === 4);
    expect(survivor.now.partitions).toEqual(expect.arrayContaining([...kept]));
    await membership.close();
  });

  it('tells a member that it is out, and lets it join again by itself', async () => {
    const client = await scene.world.connect();
    const [placement, membership] = await join(client, [scene.tp.topic], 'a');
    await eventually('it has all', () => placement.now.partitions.length === 4);
    const { generation } = placement.now;
    client.interrupt();
    await eventually('it is out', () => placement.lost === 1);
    await client.restore();
    await eventually('it is in again', () => placement.now.generation > generation);
    expect(placement.now.partitions).toEqual(all);
    await membership.close();
    expect(placement.lost).toBe(2);
  });
}
