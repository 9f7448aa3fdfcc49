import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refusalCodes } from '@fluxforge/events/catalogue';
import { fieldCodes, problemCodes, problemOfRefusal, problems } from './index.js';

const doc = readFileSync(join(process.cwd(), 'docs', 'problems.md'), 'utf8');

/** The lines that the document must have. To mend it, put in what the failure shows. */
const problemRows = problemCodes.map((code) => {
  const { status, title, meaning, retry } = problems[code];
  return `| \`${code}\` | ${status}${retry ? ', retry' : ''} | ${title}. ${meaning} |`;
});
const fieldRows = Object.entries(fieldCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);

describe('docs/problems.md', () => {
  it('lists every code, as it is, and no other', () => {
    // Formatting pads the columns.
    const rows = doc.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => row.replace(/ +/g, ' '))).toEqual([...problemRows, ...fieldRows]);
  });

  it('has an answer for everything an owner can refuse', () => {
    for (const code of refusalCodes.values) expect(problemCodes).toContain(problemOfRefusal[code]);
  });
});
