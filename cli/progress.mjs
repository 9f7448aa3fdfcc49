// How far a running fan-out is.

const EVERY_MS = 1_000;

export class Progress {
  #dueMs = Date.now() + EVERY_MS;
  #told;

  constructor(note) {
    this.note = note;
  }

  /** When it is time again, and there is something new. */
  tell(fanout) {
    if (Date.now() < this.#dueMs) return;
    this.#dueMs = Date.now() + EVERY_MS;
    const line = progressLine(fanout);
    if (line !== undefined && line !== this.#told) this.note(line);
    this.#told = line;
  }
}

/** Undefined: it does not run, or nobody has counted its members. */
export function progressLine({ id, status }) {
  if (status.phase !== 'running' && status.phase !== 'cancelling') return undefined;
  const { members, queued, running, succeeded, failed, not_started, unknown } = status;
  const ended = sumOf([succeeded, failed, not_started, unknown]);
  const open = sumOf([queued, running]);
  if (ended === undefined || open === undefined) return undefined;
  const notBegun = members - ended - open;
  return `${id}: ${ended} of ${members} ended, ${succeeded} succeeded, ${open} under way, ${notBegun} not begun`;
}

function sumOf(counts) {
  if (!counts.every(Number.isInteger)) return undefined;
  return counts.reduce((sum, count) => sum + count, 0);
}
