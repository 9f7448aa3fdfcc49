import { type FanoutMemberEnd } from '@fluxforge/events/catalogue';

export const retried = ['failed', 'not_started', 'unknown'] as const;
type Retried = (typeof retried)[number];

/** The id says what was asked for: the event of the retry does not. */
export function retryId(id: string, members: readonly Retried[]): string {
  return `${id}-again-${members.map((end) => end[0]).join('')}`;
}

export function askedFor(fanoutId: string): readonly FanoutMemberEnd[] {
  const letters = fanoutId.split('-again-')[1] ?? '';
  return retried.filter((end) => letters.includes(end[0]!));
}
