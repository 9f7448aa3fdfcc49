// The events of one state as they come, each once.
const PAGE = 100;
const MAX_PAGES = 50;

/** A state that was accepted a moment ago may not be in the read models yet. */
function noneYet(error) {
  if (error.status === 404) return { items: [] };
  throw error;
}

export class EventFeed {
  #client;
  #route;
  #cursor;
  #seen = new Set();

  constructor(client, stateId) {
    this.#client = client;
    this.#route = `/v1/states/${encodeURIComponent(stateId)}/events`;
  }

  /** What is new since the last call, in order. The last page is read again: it may have grown. */
  async next(signal) {
    const fresh = [];
    for (let page = 0; page < MAX_PAGES; page++) {
      const query = new URLSearchParams({
        limit: String(PAGE),
        ...(this.#cursor ? { cursor: this.#cursor } : {}),
      });
      const answer = await this.#client.get(`${this.#route}?${query}`, signal).catch(noneYet);
      const { items, next_cursor: next } = answer;
      for (const event of items) {
        const key = event.id ?? JSON.stringify(event.position);
        if (this.#seen.has(key)) continue;
        this.#seen.add(key);
        fresh.push(event);
      }
      if (!next) break;
      this.#cursor = next;
      if (this.#seen.size > 10 * PAGE) this.#seen = new Set([...this.#seen].slice(-PAGE));
    }
    return fresh;
  }
}
