import { ProblemError } from './problem.js';

/** Bodies above this are refused before they are read to the end. */
export const maxBodyBytes = 1024 * 1024;
const maxDepth = 32;
/** Far more than any body that is taken has; objects of many members are slow to make, whatever is done with them. */
export const maxMembers = 4_096;

/**
 * Reads a JSON body. Depth and members are counted on the text: a deep value would be accepted by JSON.parse and
 * overflow the stack of whoever serialises it later, and one of many members takes long to make. Keys that reach prototypes are refused wherever they are.
 * @throws ProblemError
 */
export function parseJsonBody(text: string): unknown {
  if (text.trim() === '') return undefined;
  const flaw = flawOfShape(text);
  if (flaw !== null) throw malformed(flaw);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw malformed('The body is not JSON.');
  }
  // The text is looked at first: almost no body has such a word, and walking each one costs.
  if (text.includes('__proto__') || text.includes('\\u')) refuseProtoKeys(parsed);
  return parsed;
}

function malformed(detail: string): ProblemError {
  return new ProblemError('malformed_body', detail);
}

function flawOfShape(text: string): string | null {
  let depth = 0;
  let members = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === backslash) at++;
      else if (code === quote) inString = false;
    } else if (code === quote) inString = true;
    else if (code === openBrace || code === openBracket) {
      if (++depth > maxDepth) return `The body is nested deeper than ${maxDepth}.`;
    } else if (code === closeBrace || code === closeBracket) depth--;
    else if ((code === colon || code === comma) && ++members > 2 * maxMembers) {
      return `The body has more than ${maxMembers} members.`;
    }
  }
  return null;
}

function refuseProtoKeys(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Object.hasOwn(value, '__proto__')) throw malformed('The key __proto__ is not allowed.');
  for (const child of Object.values(value)) refuseProtoKeys(child);
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const colon = 0x3a;
const comma = 0x2c;
