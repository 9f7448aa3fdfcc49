// A lock file that names its holder, so that one left by a crash is seen as such.
import fs from 'node:fs';
import path from 'node:path';
import { isAlive, startTimeOf } from './procs.mjs';
import { poll } from './poll.mjs';

const WAIT_MS = 15 * 60_000;

export function holderOf(file) {
  try {
    const holder = JSON.parse(fs.readFileSync(file, 'utf8'));
    return isAlive(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Takes the lock and answers true, or answers false when a living process holds it. */
export function tryLock(file, more = {}) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const text = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid), ...more });
  for (let i = 0; i < 3; i++) {
    // Written beside and linked, so that nobody reads a lock without its holder.
    const draft = `${file}.${process.pid}`;
    fs.writeFileSync(draft, text);
    try {
      fs.linkSync(draft, file);
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (holderOf(file)) return false;
      fs.rmSync(file, { force: true });
    } finally {
      fs.rmSync(draft, { force: true });
    }
  }
  return false;
}

export async function withLock(file, { onWait = () => undefined }, work) {
  let told = false;
  await poll(
    () => {
      if (tryLock(file)) return true;
      if (!told) onWait(holderOf(file));
      told = true;
      return false;
    },
    { deadlineMs: WAIT_MS, stepMs: 250, what: () => `${file} is held by process ${holderOf(file)?.pid}` },
  );
  try {
    return await work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}
