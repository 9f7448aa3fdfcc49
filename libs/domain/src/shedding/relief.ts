import { type CommandBody } from '@fluxforge/events/catalogue';

/** Of a backlog, for the means against an overload: as much again as for all else. */
export const reliefShares = 2;

/**
 * The means against an overload: what takes work away, or says how much is let in and where it may run. Whoever is
 * held back must still have them, but not without end: they are commands like others, and make a partition lag too.
 */
export function isRelief(body: CommandBody): boolean {
  switch (body.type) {
    case 'task.cancel':
    case 'fanout.cancel':
    case 'schedule.delete':
    case 'state.suspend':
    case 'state.delete':
    case 'agent.drain':
    case 'tenant.set-mode':
    case 'tenant.set-limits':
      return true;
    case 'schedule.suspend':
      return body.data.suspended;
    default:
      return false;
  }
}
