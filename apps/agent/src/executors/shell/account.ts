import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { errorText } from '../../machine/index.js';

export interface Account {
  name: string;
  home: string;
  /** Undefined: stay what the agent is. */
  switchTo?: { uid: number; gid: number };
}

export type AccountAnswer = { account: Account } | { problem: string };

/** `run_as` by name or numeric uid, from /etc/passwd. Only root can become someone else. */
export function findAccount(runAs: string): AccountAnswer {
  if (runAs === '') return { account: ownAccount() };
  const entry = readPasswd().find((line) => line.name === runAs || String(line.uid) === runAs);
  if (entry === undefined) return { problem: `run_as: no user ${JSON.stringify(runAs)} on this machine` };
  const { name, home, uid, gid } = entry;
  const ownUid = process.getuid?.();
  if (uid === ownUid) return { account: { name, home } };
  if (ownUid !== 0) return { problem: `run_as: the agent does not run as root and cannot become ${name}` };
  return { account: { name, home, switchTo: { uid, gid } } };
}

function ownAccount(): Account {
  try {
    const { username, homedir } = userInfo();
    return { name: username, home: homedir };
  } catch (error) {
    // A uid without an entry, as in some containers.
    return { name: `uid-${process.getuid?.() ?? errorText(error)}`, home: '/' };
  }
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

function readPasswd(): PasswdEntry[] {
  try {
    return readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .filter((fields) => fields.length >= 6)
      .map(([name = '', , uid, gid, , home = '/']) => ({ name, uid: Number(uid), gid: Number(gid), home }));
  } catch {
    return [];
  }
}
