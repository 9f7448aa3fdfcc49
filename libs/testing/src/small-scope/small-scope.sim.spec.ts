import { makeTasksContext, type TasksContext } from '@fluxforge/domain/tasks-context';
import { scopePolicy } from './owners-world.js';
import { searchOwners } from './search.js';

/**
 * One task, two agents, two owners, two faults: every order of things up to a depth. Submitted, cancelled, sent,
 * started, ended, out of time, with an append whose outcome nobody heard, that lands late or waits, and an
 * owner that goes on although the partition was placed elsewhere.
 */

const depth = Number(process.env['FLUXFORGE_SCOPE_DEPTH'] ?? 5);

jest.setTimeout(600_000);

const production = (): TasksContext => makeTasksContext(scopePolicy);

it(`keeps its promises in every order of up to ${depth} things with two faults`, () => {
  const startedMs = performance.now();
  const { states, steps, seen, violation } = searchOwners({ context: production, faults: 2, depth });
  const tookS = (performance.now() - startedMs) / 1000;
  console.log(
    `depth ${depth}: ${states} states, ${steps} steps in ${tookS.toFixed(1)} s; ${[...seen].sort().join(', ')}`,
  );
  expect(violation).toBeNull();
  expect(states).toBeGreaterThan(1_000);
  for (const what of [
    'task.leased',
    'task.started',
    'task.attempt-ended',
    'task.ended succeeded',
    'task.ended cancelled',
    'task.report-ignored',
  ])
    expect([...seen]).toContain(what);
});

it.each([
  ['an input that is decided twice', decidesTwice, /one end|stale report|one task/],
  ['a cancel that is forgotten', forgetsCancels, /cancel/],
])('finds %s', (_, planted, promise) => {
  const { violation } = searchOwners({ context: planted, faults: 2, depth: 5 });
  expect(violation?.what).toMatch(promise);
});

function decidesTwice(): TasksContext {
  const real = production();
  return {
    ...real,
    decide: (state, input, nowMs) => {
      const events = real.decide(state, input, nowMs);
      return input.kind === 'message' ? [...events, ...events] : events;
    },
  };
}

function forgetsCancels(): TasksContext {
  const real = production();
  return {
    ...real,
    evolve: (state, fact) => {
      if (fact.type !== 'task.cancel-requested') real.evolve(state, fact);
    },
  };
}
