import { type CommandLine } from '@fluxforge/events/catalogue';

/** What a simulated command does. `exitCode` below zero: killed by a signal. */
export type Work =
  | { readonly kind: 'run'; readonly durationMs: number; readonly exitCode: number }
  | {
      readonly kind: 'apply';
      readonly durationMs: number;
      readonly stateId: string;
      readonly generation: number;
    }
  | { readonly kind: 'check'; readonly durationMs: number; readonly generation: number };

const hangsMs = 3_600_000;

export function runCommand(durationMs: number, exitCode: number): string {
  return `run ${durationMs} ${exitCode}`;
}

/** Runs until it is killed. */
export const hangCommand = runCommand(hangsMs, 0);

/** Of one version of a state: `version` stands for what its commands say. */
export function checkCommand(version: number): string {
  return `check ${version}`;
}

export function applyCommand(stateId: string, version: number, durationMs: number): string {
  return `apply ${durationMs} ${stateId} ${version}`;
}

export function parseWork(command: CommandLine | undefined): Work {
  const [kind, first, second, third] = typeof command === 'string' ? command.split(' ') : [];
  const durationMs = Number(first);
  if (kind === 'apply') return { kind, durationMs, stateId: second ?? '', generation: Number(third) };
  if (kind === 'check') return { kind, durationMs: 0, generation: durationMs };
  if (kind === 'run') return { kind, durationMs, exitCode: Number(second) };
  throw new Error(`not a command of the simulation: ${String(command)}`);
}
