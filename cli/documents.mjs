// What `-f` reads: YAML or JSON. For `apply` one or several documents, each with its kind.
import fs from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { Failure } from './failure.mjs';

const MAX_BYTES = 8 * 1024 * 1024;
const KINDS = ['State', 'Task', 'Schedule'];
const NAMED = ['State', 'Schedule'];

export function readDocuments(file) {
  return parseDocuments(textOf(file), file);
}

/** The one mapping that a file is, of no kind. */
export function readMapping(file) {
  const found = plainDocuments(textOf(file), file);
  if (found.length > 1) throw new Failure(`${file}: must be one document`);
  const [{ value, where }] = found;
  return mapping(value, where);
}

export function parseDocuments(text, file = 'input') {
  return plainDocuments(text, file).map(({ value, where }) => checked(value, where));
}

function plainDocuments(text, file) {
  // Aliases are bounded: a few lines of them can stand for gigabytes.
  const documents = parseAllDocuments(text, { maxAliasCount: 100 });
  const found = [];
  for (const [index, document] of documents.entries()) {
    const where = documents.length > 1 ? `${file}, document ${index + 1}` : file;
    if (document.errors.length > 0) throw new Failure(`${where}: ${document.errors[0].message}`);
    const value = asPlain(document, where);
    if (value !== null && value !== undefined) found.push({ value, where });
  }
  if (found.length === 0) throw new Failure(`${file}: there is nothing in it`);
  return found;
}

function asPlain(document, where) {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new Failure(`${where}: ${error.message}`, { cause: error });
  }
}

function checked(value, where) {
  const { kind, ...body } = mapping(value, where);
  if (!KINDS.includes(kind)) throw new Failure(`${where}: kind must be one of ${KINDS.join(', ')}`);
  if (NAMED.includes(kind) && typeof body.name !== 'string')
    throw new Failure(`${where}: a ${kind} needs a name`);
  return { kind, body, where };
}

function mapping(value, where) {
  if (typeof value !== 'object' || Array.isArray(value)) throw new Failure(`${where}: must be a mapping`);
  return value;
}

const textOf = (file) => (file === '-' ? fs.readFileSync(0, 'utf8') : readFile(file));

function readFile(file) {
  try {
    if (fs.statSync(file).size > MAX_BYTES) throw new Failure(`${file}: larger than ${MAX_BYTES} bytes`);
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${file}: ${error.message}`, { cause: error });
  }
}
