import { type Heartbeat, type LeaseKey } from '@fluxforge/agent-protocol';
import { type LoadMeter } from '../machine/index.js';

export interface HeartbeatSource {
  load: LoadMeter;
  labels: Readonly<Record<string, string>>;
  slots: number;
  freeSlots: () => number;
  active: () => LeaseKey[];
  checksWaiting: () => number;
  draining: () => boolean;
}

/** The machine as it is now. Pulled: sent only when the server asks. */
export function heartbeatAnswer(nonce: number, source: HeartbeatSource): Heartbeat {
  return {
    nonce,
    ...source.load.read(),
    labels: { ...source.labels },
    slots: source.slots,
    freeSlots: source.freeSlots(),
    running: source.active(),
    checksWaiting: source.checksWaiting(),
    draining: source.draining(),
  };
}
