// Says what an agent's journal holds: `node journal-main.js DATA_DIR`, one line of JSON.
import { inspectJournal } from './journal/index.js';

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('usage: journal-main.js DATA_DIR\n');
  process.exit(2);
}
const found = await inspectJournal(folder);
if (found === undefined) {
  process.stderr.write(`no journal in ${folder}\n`);
  process.exit(1);
}
const { epoch, term, runs, held } = found.state;
const stages = { accepted: 0, running: 0, ended: 0 };
for (const { stage } of held.values()) stages[stage] += 1;
process.stdout.write(`${JSON.stringify({ epoch, term, runs, held: stages, damaged: found.damaged })}\n`);
