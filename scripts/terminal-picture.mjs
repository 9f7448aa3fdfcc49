#!/usr/bin/env node
// npm start -- --demo | node scripts/terminal-picture.mjs 'npm start -- --demo' > docs/pictures/demo.svg
// Draws what a command printed, from "services are up" on, as a picture of a terminal.
import { text } from 'node:stream/consumers';
import { ROOT } from './lib/paths.mjs';

const fontPx = 13;
const linePx = 20;
const marginPx = 18;
const charPx = 7.83;
const colours = [
  [/\bcompliant\b|\bhealed\b|\bis back\b|\bhas closed\b|\bservices are up\b/, '#7ee787'],
  [/\bdrifted\b|\bdeleted\b/, '#ffa657'],
  [/\bremediated\b|\bverified\b/, '#79c0ff'],
];
const plain = '#c9d1d9';

const [command = ''] = process.argv.slice(2);
const printed = (await text(process.stdin)).replaceAll(`${ROOT}/`, '').trimEnd().split('\n');
const first = printed.findIndex((line) => line.includes('services are up'));
const lines = [`$ ${command}`, ...printed.slice(Math.max(first, 0))];
const width = Math.ceil(Math.max(...lines.map(({ length }) => length)) * charPx) + 2 * marginPx;
const height = lines.length * linePx + 2 * marginPx;

const escaped = (line) => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const rows = lines.map((line, row) => {
  const fill = row === 0 ? '#ffffff' : (colours.find(([pattern]) => pattern.test(line))?.[1] ?? plain);
  const y = marginPx + (row + 1) * linePx - 6;
  return `  <text x="${marginPx}" y="${y}" fill="${fill}" xml:space="preserve">${escaped(line)}</text>`;
});
process.stdout
  .write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"
  font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="${fontPx}">
  <title>${escaped(command)}</title>
  <rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${rows.join('\n')}
</svg>
`);
