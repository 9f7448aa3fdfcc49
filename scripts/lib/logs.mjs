// Log files of child processes. A child writes straight into its file (append mode): it needs no living
// launcher to drain a pipe, and cutting the file under it is safe.
import fs from 'node:fs';

export const LOG_BOUND_BYTES = 8 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

export function openLog(file) {
  rotate(file);
  return fs.openSync(file, 'a', 0o640);
}

/** Past the bound the file is copied to `<file>.1` and emptied; lines written in between are lost. */
export function rotate(file, boundBytes = LOG_BOUND_BYTES) {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= boundBytes) return false;
  fs.copyFileSync(file, `${file}.1`);
  fs.truncateSync(file, 0);
  return true;
}

export function tail(file, lines = 12) {
  let fd;
  try {
    fd = fs.openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    const size = fs.fstatSync(fd).size;
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    fs.readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    fs.closeSync(fd);
  }
}
