import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type Size } from './population.js';

export interface Weight {
  readonly bytesPerTask: number;
  readonly queuedPerSecond: number;
}

/** What one process measures: decisions for `atWork` tenants of a population of this size. */
export interface Course {
  readonly size: Size;
  readonly atWork: number;
}

/** Of the decisions of one round together. */
export interface Round {
  readonly made: number;
  /** By the processor: the collector's threads included, other processes not. */
  readonly cpuUs: number;
  readonly cpuWithEndsUs: number;
  /** Of the decisions' time, that for which the collector stopped them. By the wall's clock, as are the quantiles. */
  readonly collectorUs: number;
  readonly p50: number;
  readonly p99: number;
}

export interface Measured extends Course {
  readonly weight: Weight;
  readonly rounds: readonly Round[];
}

/**
 * Rounds of all courses in turns, each in a process of its own: whatever else the machine does falls on all alike,
 * and none pays for the heap of another.
 */
export async function inTurns(
  courses: readonly Course[],
  rounds: number,
  decisions: number,
): Promise<readonly Measured[]> {
  const all: (Measured & { process: CourseProcess; rounds: Round[] })[] = [];
  for (const course of courses) {
    const process = new CourseProcess('one-size.js', course);
    all.push({ ...course, process, weight: await process.ask<Weight>('warm-up'), rounds: [] });
  }
  for (let i = 0; i < rounds; i++) {
    for (const { size, process, rounds: found } of all) {
      found.push(await process.ask<Round>(Math.min(decisions, size.tasks / 10)));
    }
  }
  for (const { process } of all) process.end();
  return all;
}

/** Calls of functions of the rules for one decision. */
export function callsFor(course: Course): Promise<number> {
  return new CourseProcess('calls.js', course).answer<number>();
}

class CourseProcess {
  private readonly child: ChildProcess;
  private readonly gone: Promise<never>;

  constructor(file: string, course: Course) {
    this.child = fork(new URL(`./${file}`, import.meta.url), [JSON.stringify(course)]);
    this.gone = once(this.child, 'exit').then(() => {
      throw new Error(`${file} is gone`);
    });
  }

  ask<T>(what: 'warm-up' | number): Promise<T> {
    this.child.send(what);
    return this.answer<T>();
  }

  async answer<T>(): Promise<T> {
    const [message] = (await Promise.race([once(this.child, 'message'), this.gone])) as [T];
    return message;
  }

  end(): void {
    this.child.disconnect();
  }
}
