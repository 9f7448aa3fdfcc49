// How far a running fan-out is. It has counts only once it has ended, so until then its members are counted.
import { Failure } from './failure.mjs';

const EVERY_MS = 1_000;
/** Members may be many pages: counting them takes at most one part in so many of a wait. */
const PARTS = 10;

export class Progress {
  #dueMs = Date.now() + EVERY_MS;
  #told;

  constructor(client, id, note) {
    this.client = client;
    this.id = id;
    this.note = note;
  }

  /** When it is time again, and there is something new. */
  async tell() {
    const fromMs = Date.now();
    if (fromMs < this.#dueMs) return;
    const line = await progressLine(this.client, this.id);
    const tookMs = Date.now() - fromMs;
    this.#dueMs = Date.now() + Math.max(EVERY_MS, tookMs * PARTS);
    if (line !== undefined && line !== this.#told) this.note(line);
    this.#told = line;
  }
}

/** Undefined when it cannot be told now: that is no reason for what it goes with to fail. */
export async function progressLine(client, id) {
  try {
    return lineOf(id, await counted(client, id));
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

async function counted(client, id) {
  const count = { members: 0, ended: 0, succeeded: 0, open: 0 };
  const route = `/v1/fanouts/${encodeURIComponent(id)}/members`;
  for await (const { phase, task_end: end } of client.all(route, { limit: 500 })) {
    count.members += 1;
    if (phase === 'ended') count.ended += 1;
    else if (phase !== null) count.open += 1;
    if (end === 'succeeded') count.succeeded += 1;
  }
  return count;
}

function lineOf(id, { members, ended, succeeded, open }) {
  const notBegun = members - ended - open;
  return `${id}: ${ended} of ${members} ended, ${succeeded} succeeded, ${open} under way, ${notBegun} not begun`;
}
