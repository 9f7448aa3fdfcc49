import { type Cache, type NamedText } from './port.js';

/** A write must end well within the cache's deadline. */
const textsPerWrite = 256;

/** However many they are, in several writes. False: from one of them on nothing was kept. */
export async function putAll(cache: Cache, texts: readonly NamedText[], ttlMs: number): Promise<boolean> {
  for (let from = 0; from < texts.length; from += textsPerWrite) {
    if ((await cache.put(texts.slice(from, from + textsPerWrite), ttlMs)) !== 'kept') return false;
  }
  return true;
}
