import { InMemoryLogCore } from '@fluxforge/events/in-memory';
import {
  type AppendFailure,
  type LogRecord,
  type ReadFailure,
  type RecordBatch,
  type StoredRecord,
  type TopicPartition,
} from '@fluxforge/events/log';
import { type Prng } from './prng.js';
import { type LogFaults } from './scenario.js';
import { type Timeline } from './timeline.js';

export interface AppendAnswer {
  ok(baseOffset: number): void;
  failed(failure: AppendFailure): void;
}

export interface ReadAnswer {
  ok(batch: RecordBatch): void;
  failed(failure: ReadFailure): void;
}

type Landed = (tp: TopicPartition, records: readonly StoredRecord[]) => void;

const appendTimeoutMs = 500;
const slowMs = { low: 50, high: 400 } as const;
const noFaults: LogFaults = {
  lostAck: 0,
  late: 0,
  never: 0,
  leadership: 0,
  notWritten: 0,
  duplicate: 0,
  slow: 0,
  readFails: 0,
};

/** The in-memory log behind a network that loses, delays and repeats what goes to and fro. */
export class FaultyLog {
  readonly core = new InMemoryLogCore();
  /** Told of all that lands, in the moment that it does. */
  onLanded: Landed = () => undefined;
  unknownOutcomes = 0;
  private faults: LogFaults;

  constructor(
    private readonly timeline: Timeline,
    private readonly prng: Prng,
    faults: LogFaults,
  ) {
    this.faults = faults;
  }

  heal(): void {
    this.faults = noFaults;
  }

  append(tp: TopicPartition, records: readonly LogRecord[], answer: AppendAnswer): void {
    const { prng, faults } = this;
    const thereMs = prng.chance(faults.slow) ? prng.between(slowMs.low, slowMs.high) : prng.between(1, 3);
    const backMs = prng.between(1, 3);
    const failLater = (failure: AppendFailure, ms: number): void =>
      this.timeline.after(ms, 'append-failed', () => {
        if (failure === 'unknown') this.unknownOutcomes += 1;
        answer.failed(failure);
      });
    let draw = prng.next();
    const is = (probability: number): boolean => (draw -= probability) < 0;
    if (is(faults.lostAck)) {
      this.landLater(tp, records, thereMs);
      return failLater('unknown', appendTimeoutMs);
    }
    if (is(faults.late)) {
      this.landLater(tp, records, appendTimeoutMs + prng.spread(1_500));
      return failLater('unknown', appendTimeoutMs);
    }
    if (is(faults.never)) return failLater('unknown', appendTimeoutMs);
    if (is(faults.leadership)) {
      this.landLater(tp, records, thereMs);
      return failLater('unknown', thereMs + backMs);
    }
    if (is(faults.notWritten)) return failLater('not-written', thereMs);
    const twice = is(faults.duplicate);
    this.timeline.after(thereMs, 'append', () => {
      let base = this.land(tp, records);
      if (twice && prng.chance(0.5)) this.landLater(tp, records, prng.spread(800));
      else if (twice) base = this.land(tp, records);
      this.timeline.after(backMs, 'appended', () => answer.ok(base));
    });
  }

  read(tp: TopicPartition, from: number, maxRecords: number, answer: ReadAnswer): void {
    const { prng } = this;
    const backMs = prng.between(1, 3);
    if (prng.chance(this.faults.readFails)) {
      this.timeline.after(backMs, 'read-failed', () => answer.failed('unavailable'));
      return;
    }
    this.timeline.after(1, 'read', () => {
      const batch = this.core.read(tp, from, maxRecords);
      this.timeline.after(backMs, 'read-done', () => answer.ok(batch));
    });
  }

  land(tp: TopicPartition, records: readonly LogRecord[]): number {
    const base = this.core.append(tp, records, this.timeline.nowMs);
    this.onLanded(tp, this.core.read(tp, base, records.length).records);
    return base;
  }

  private landLater(tp: TopicPartition, records: readonly LogRecord[], ms: number): void {
    this.timeline.after(ms, 'landed-late', () => this.land(tp, records));
  }
}
