import { type LogRecord } from '@fluxforge/events/log';

/** What an owner wants done. The answer names the same id, and never comes from within the request. */
export type JournalRequest =
  | { readonly kind: 'append'; readonly id: number; readonly records: readonly LogRecord[] }
  | { readonly kind: 'read'; readonly id: number; readonly from: number }
  | { readonly kind: 'probe'; readonly id: number };

/** Sends requests. No id is used twice, so the answer to a request of an earlier term meets nobody. */
export class Requests {
  private lastId = 0;

  constructor(private readonly send: (request: JournalRequest) => void) {}

  append(records: readonly LogRecord[]): number {
    const id = this.nextId();
    this.send({ kind: 'append', id, records });
    return id;
  }

  read(from: number): number {
    const id = this.nextId();
    this.send({ kind: 'read', id, from });
    return id;
  }

  probe(): number {
    const id = this.nextId();
    this.send({ kind: 'probe', id });
    return id;
  }

  private nextId(): number {
    this.lastId += 1;
    return this.lastId;
  }
}
