// Commands that run to their end, with a deadline and their last output in the error.
import { spawn } from 'node:child_process';

const KEPT_BYTES = 64 * 1024;

export class CommandFailed extends Error {
  constructor(message, output, code) {
    super(message);
    this.output = output;
    this.code = code;
  }
}

/** stdout and stderr of a command; `inherit` shows them on the terminal instead. */
export function run(
  command,
  args,
  { cwd, env, deadlineMs = 600_000, inherit = false, uid, gid, input, onLine } = {},
) {
  return new Promise((resolve, reject) => {
    const stdio = inherit ? 'inherit' : [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
    const child = spawn(command, args, { cwd, env, uid, gid, stdio });
    let stdout = '';
    let both = '';
    const keep = (text) => {
      both = (both + text).slice(-KEPT_BYTES);
      if (onLine) for (const line of String(text).split('\n')) if (line.trim()) onLine(line.trim());
    };
    child.stdout?.setEncoding('utf8').on('data', (t) => {
      stdout = (stdout + t).slice(-16 * KEPT_BYTES);
      keep(t);
    });
    child.stderr?.setEncoding('utf8').on('data', keep);
    if (input !== undefined) child.stdin.on('error', () => undefined).end(input);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, deadlineMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(new CommandFailed(`${command} could not be started: ${error.message}`, both, null));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve({ stdout, output: both });
      const how = late ? `took longer than ${deadlineMs / 1000} s` : `ended with ${signal ?? `code ${code}`}`;
      reject(
        new CommandFailed(
          `${command} ${args.slice(0, 4).join(' ')} ${how}\n${both.slice(-4000)}`,
          both,
          code,
        ),
      );
    });
  });
}
