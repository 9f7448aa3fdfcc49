// One jest run over a list of files, with a deadline and its results as JSON.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT, inRoot } from '../lib/paths.mjs';
import { endProcesses, startTimeOf } from '../lib/procs.mjs';

export async function runJest({ group, files, args = [], env, outDir, deadlineMs, quiet = false }) {
  fs.mkdirSync(outDir, { recursive: true });
  const outputFile = path.join(outDir, `${group}.json`);
  fs.rmSync(outputFile, { force: true });
  const jest = inRoot('node_modules', 'jest', 'bin', 'jest.js');
  const all = [jest, '--ci', '--json', `--outputFile=${outputFile}`, ...args, '--runTestsByPath', ...files];
  // jest prints its JSON on stdout as well; what a person reads is on stderr.
  const stdio = ['ignore', 'ignore', quiet ? 'pipe' : 'inherit'];
  const child = spawn(process.execPath, all, { cwd: ROOT, env, stdio });
  let output = '';
  child.stderr?.on('data', (chunk) => {
    output = (output + chunk).slice(-200_000);
  });
  const exitCode = await ended(child, deadlineMs);
  return { group, expectedFiles: files, exitCode, json: readResults(outputFile), output };
}

function ended(child, deadlineMs) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(`no end after ${deadlineMs / 1000} s`);
      void endProcesses([{ pid: child.pid, startTime: startTimeOf(child.pid) }], { graceMs: 2000 });
    }, deadlineMs);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(code ?? signal);
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve(error.message);
    });
  });
}

function readResults(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
