// What a person sees while a step takes its time: its name at once, a sign of life every few seconds, its time
// at the end. Output that is not a terminal gets whole lines only.
import { performance } from 'node:perf_hooks';

const SIGN_OF_LIFE_MS = 5000;

export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

export function say(line) {
  process.stdout.write(`${line}\n`);
}

export async function step(name, work) {
  const started = performance.now();
  let last = '';
  say(`- ${name} ...`);
  const timer = setInterval(() => {
    say(`  still at it, ${seconds(performance.now() - started)}${last ? `: ${last.slice(0, 100)}` : ''}`);
  }, SIGN_OF_LIFE_MS);
  try {
    const result = await work((line) => {
      last = line;
    });
    say(`  ${name}: ${seconds(performance.now() - started)}`);
    return result;
  } finally {
    clearInterval(timer);
  }
}
