// Outlives the launcher by a few seconds: when the launcher's end of the pipe closes without a word (kill -9,
// a crash), it ends every process of the run and removes its temporary folders.
// Usage: node guard.mjs RUN_ID [FOLDER...]     stdin: "done" means that there is nothing to do
import fs from 'node:fs';
import { endProcesses, findByRunId } from './procs.mjs';

const [runId, ...folders] = process.argv.slice(2);
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => undefined);

let said = '';
process.stdin.on('data', (chunk) => {
  said += chunk;
});
process.stdin.on('error', () => undefined);
process.stdin.once('close', async () => {
  if (said.includes('done')) return;
  await endProcesses(findByRunId(runId), { graceMs: 10_000 }).catch(() => undefined);
  // What a task had started anew between the look and the end.
  await endProcesses(findByRunId(runId), { graceMs: 1000 }).catch(() => undefined);
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});
