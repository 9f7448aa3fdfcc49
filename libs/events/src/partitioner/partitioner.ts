/**
 * A tenant has one partition number everywhere: in every topic, in the API, the hosts and the tests. This
 * is the one function that says which. FNV-1a over UTF-8, finished with a mix so that near ids spread.
 * Frozen: another result would move tenants away from their history.
 */
export function partitionOf(tenantId: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < tenantId.length; i++) {
    const code = tenantId.charCodeAt(i);
    // Ids are ASCII by their schema; the high byte keeps the function total for any string.
    hash = Math.imul(hash ^ (code & 0xff), 0x01000193);
    if (code > 0xff) hash = Math.imul(hash ^ (code >>> 8), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) % partitions;
}
