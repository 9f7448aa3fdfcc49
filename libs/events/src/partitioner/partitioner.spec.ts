import { partitionOf } from './index.js';

describe('partitioner', () => {
  // Frozen: another answer would move tenants away from their history.
  it.each([
    ['demo', 8, partitionOfByHand('demo', 8)],
    ['', 8, partitionOfByHand('', 8)],
    ['tenant-with-a-long-name-0001', 32, partitionOfByHand('tenant-with-a-long-name-0001', 32)],
  ])('gives %p of %p partitions number %p', (tenant, partitions, expected) => {
    expect(partitionOf(tenant, partitions)).toBe(expected);
  });

  it('gives these very numbers for ever', () => {
    const names = ['demo', 'acme', 'globex', 'initech', 'umbrella', 't1', 't2', 't3'];
    expect(names.map((name) => partitionOf(name, 32))).toMatchInlineSnapshot(`
     [
       25,
       2,
       3,
       26,
       10,
       2,
       10,
       15,
     ]
    `);
  });

  it('spreads ten thousand tenants evenly over 32 partitions', () => {
    const counts = new Array<number>(32).fill(0);
    for (let i = 0; i < 10_000; i++) counts[partitionOf(`tenant-${i}`, 32)]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(230);
    expect(Math.max(...counts)).toBeLessThan(400);
  });
});

/** The definition once more, in the plainest form: FNV-1a, then the finisher of MurmurHash3. */
function partitionOfByHand(text: string, partitions: number): number {
  let h = 0x811c9dc5n;
  for (const byte of Buffer.from(text)) h = ((h ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & 0xffffffffn;
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & 0xffffffffn;
  return Number((h ^ (h >> 16n)) % BigInt(partitions));
}
