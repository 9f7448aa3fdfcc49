import { existsSync, readFileSync } from 'node:fs';

/** When each task's handler began on the agent, in microseconds since the epoch, by the agent's own file. */
export function witnessed(file: string): Map<string, number> {
  const starts = new Map<string, number>();
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  for (const line of text.split('\n')) {
    const [task, , us] = line.split('\t');
    if (task && us && !starts.has(task)) starts.set(task, Number(us));
  }
  return starts;
}
