// What comes from machines is shown as text and nothing else: a task's output must not steer the terminal.

/** Control characters and direction marks, but for line feeds and tabs. */
// eslint-disable-next-line no-control-regex
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function harmless(text) {
  return String(text).replace(STEERING, '\ufffd');
}

/** One line per row, columns as wide as their content. */
export function table(head, rows) {
  const lines = [head, ...rows.map((row) => row.map((cell) => harmless(cell ?? '').replaceAll('\n', ' ')))];
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function age(iso, nowMs = Date.now()) {
  return iso ? span(nowMs - Date.parse(iso)) : '';
}

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s}s`;
  if (s < 7200) return `${Math.floor(s / 60)}m`;
  return s < 172_800 ? `${Math.floor(s / 3600)}h` : `${Math.floor(s / 86_400)}d`;
}
