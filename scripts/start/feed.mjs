// The events of one state as they come, each once.
const PAGE = 100;
const MAX_PAGES = 50;

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
      const { items, next_cursor: next } = await this.#client.get(`${this.#route}?${query}`, signal);
      for (const event of items) {
        const key = JSON.stringify(event.position ?? event.id);
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
