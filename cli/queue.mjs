// `fluxforge queue`: how much waits, how urgent it is, and for how long.
import { span, table } from './text.mjs';

export async function queue(client, { output }, print) {
  const found = await client.get('/v1/queue');
  if (output === 'json') return print(JSON.stringify(found, null, 2));
  const { queued, ready, running, oldest_wait_ms: waitMs, source, age_ms: ageMs } = found;
  const row = [queued, ready, running].map(String);
  const from = source === 'mirror' ? `mirror, ${ageMs} ms old` : source;
  print(
    table(
      ['QUEUED', 'READY', 'RUNNING', 'OLDEST WAIT', 'SOURCE'],
      [[...row, ready === 0 ? '' : span(waitMs), from]],
    ),
  );
  const waiting = found.by_priority
    .map((count, priority) => [String(priority), String(count)])
    .filter(([, count]) => count !== '0');
  if (waiting.length > 0) print(`\n${table(['PRIORITY', 'QUEUED'], waiting)}`);
}
