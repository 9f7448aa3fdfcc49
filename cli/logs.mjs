// `fluxforge logs`: what a task printed, each stream to its own.
import { harmless } from './text.mjs';

const FOLLOW_EVERY_MS = 300;
/** Output may still be on its way to the read model when the task has ended already. */
const AFTER_END_MS = 3_000;

export async function logs(client, taskId, { follow, attempt, raw }, out) {
  const reader = new OutputReader(client, taskId, attempt, raw ? (data) => data : decoder());
  let endedAtMs;
  for (;;) {
    const fresh = await reader.next(out);
    if (!follow || reader.complete) return reader.sayMissing(out);
    if (fresh) continue;
    const task = await client.get(`/v1/tasks/${encodeURIComponent(taskId)}`);
    if (task.status.phase === 'ended') endedAtMs ??= Date.now();
    if (endedAtMs && Date.now() - endedAtMs > AFTER_END_MS) return reader.sayMissing(out);
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_EVERY_MS));
  }
}

class OutputReader {
  #ends = new Set();
  #after;
  #attempt;
  #missing;

  constructor(client, taskId, attempt, decode) {
    this.client = client;
    this.route = `/v1/tasks/${encodeURIComponent(taskId)}/output`;
    this.#attempt = attempt;
    this.decode = decode;
  }

  get complete() {
    return this.#ends.size === 2;
  }

  /** What the run printed, by its result, and what has not come. */
  sayMissing(out) {
    for (const stream of ['stdout', 'stderr']) {
      const bytes = this.#missing?.[`${stream}_bytes`] ?? 0;
      if (bytes > 0) out(stream, `\n[${bytes} bytes are missing]\n`);
    }
  }

  /** All there is now; true when there was something. */
  async next(out) {
    let any = false;
    for (;;) {
      const page = await this.client.get(this.route, {
        limit: 200,
        after: this.#after,
        attempt: this.#attempt,
      });
      for (const item of page.items) {
        any = true;
        // The attempt that was begun is stayed with: another's output is another story.
        this.#attempt ??= item.attempt;
        if (item.gap_bytes > 0) out(item.stream, `\n[${item.gap_bytes} bytes are missing]\n`);
        out(item.stream, this.decode(Buffer.from(item.data_base64, 'base64'), item.stream));
        if (item.eof) this.#ends.add(item.stream);
      }
      if (page.resume_cursor) this.#after = page.resume_cursor;
      this.#missing = page.missing;
      if (!page.next_cursor) return any;
    }
  }
}

/** A character may be cut in two by chunks: each stream is decoded as one. */
function decoder() {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  return (data, stream) => harmless(decoders[stream].decode(data, { stream: true }));
}
