import { type ReconcilerMessage } from '@fluxforge/domain/reconciling';
import { type StatesContext, type StatesEffect } from '@fluxforge/domain/states-context';
import {
  type JournalEventBody,
  type StatesEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { type Prng } from '../prng.js';
import { type Company } from './company.js';

type StatesState = ReturnType<StatesContext['initial']>;
type StatesOwn = StatesEventBody | JournalEventBody;

/** Machines that answer each check, with what they please. */
export const statesCompany: Company<StatesState, ReconcilerMessage, StatesEffect, StatesOwn, TasksEventBody> =
  {
    inOrder: false,

    attend(twins) {
      twins.pulse();
    },

    live(twins, prng) {
      for (const request of twins.pulse()) {
        for (const message of answersTo(request, prng)) {
          twins.observe(message);
          twins.take(twins.decide({ kind: 'message', message }));
        }
      }
    },
  };

function answersTo({ tenantId, agentId, checks }: StatesEffect, prng: Prng): ReconcilerMessage[] {
  return checks.map(({ state_id, generation, round }) => {
    const result = { state_id, generation, round, outcome: 'exited', duration_ms: 1 } as const;
    return {
      kind: 'check-result',
      tenantId,
      agentId,
      result: { ...result, exit_code: prng.pick([0, 1, 1]) },
    };
  });
}
