import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TSchema } from '@sinclair/typebox';
import { currentVersion } from '../envelope/index.js';
import { narrowing, type Json } from './widening.fixture.js';
import {
  AgentReport,
  CheckRequest,
  DirectoryEntry,
  journalEvents,
  OutputChunk,
  statesCommands,
  statesEvents,
  tasksCommands,
  tasksEvents,
} from './index.js';

/**
 * The published contract: one JSON Schema per type and version, for consumers of the topics in any
 * language. FLUXFORGE_WRITE_SCHEMAS=1 writes the files of types that are new and widens those that have
 * gained (an optional field, a value of a closed list); it refuses to change anything else, because what was
 * written once is read for ever.
 */
const folder = join(process.cwd(), 'libs/events/schemas');

const published: Record<string, TSchema> = {
  ...tasksEvents,
  ...statesEvents,
  ...journalEvents,
  ...tasksCommands,
  ...statesCommands,
  'telemetry.check-request': CheckRequest,
  'telemetry.agent-report': AgentReport,
  'telemetry.output-chunk': OutputChunk,
  'directory.entry': DirectoryEntry,
};

function document(type: string, schema: TSchema): string {
  const version = currentVersion(type);
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', $id: `fluxforge:${type}.v${version}` };
  return `${JSON.stringify({ ...head, ...schema }, null, 2)}\n`;
}

const fileOf = (type: string): string => join(folder, `${type}.v${currentVersion(type)}.json`);

if (process.env['FLUXFORGE_WRITE_SCHEMAS'] === '1') {
  mkdirSync(folder, { recursive: true });
  for (const [type, schema] of Object.entries(published)) {
    const text = document(type, schema);
    const before = existsSync(fileOf(type)) ? (JSON.parse(readFileSync(fileOf(type), 'utf8')) as Json) : null;
    const flaw = before && narrowing(before, JSON.parse(text) as Json, type);
    if (flaw) throw new Error(`not only added to: ${flaw}`);
    writeFileSync(fileOf(type), text);
  }
}

describe('published schemas', () => {
  it.each(Object.keys(published))('%s is published as it is checked', (type) => {
    expect(readFileSync(fileOf(type), 'utf8')).toBe(document(type, published[type]!));
  });

  it.each([
    ['a field that is gone', { properties: { a: {} } }, { properties: {} }],
    ['a field that is asked for from now on', { required: ['a'] }, { required: ['a', 'b'] }],
    ['a value that is gone', { anyOf: [{ const: 'a' }, { const: 'b' }] }, { anyOf: [{ const: 'a' }] }],
    ['a form that is gone', { required: ['a'] }, { anyOf: [{ required: ['b'] }] }],
    ['a tighter bound', { maximum: 9 }, { maximum: 8 }],
  ])('are never narrowed: %s', (_, before, after) => {
    expect(narrowing(before, after, 'it')).not.toBeNull();
  });

  it('may be widened', () => {
    const before = { required: ['a'], properties: { a: { anyOf: [{ const: 'x' }] } } };
    const after = { required: ['a'], properties: { a: { anyOf: [{ const: 'x' }, { const: 'y' }] }, b: {} } };
    expect(narrowing(before, after, 'it')).toBeNull();
    expect(narrowing({ $id: 'it', ...before }, { $id: 'it', anyOf: [after, {}] }, 'it')).toBeNull();
  });

  it('hold no type that the catalogue has forgotten', () => {
    const known = new Set(Object.keys(published).flatMap((type) => versions(type)));
    expect(readdirSync(folder).filter((file) => !known.has(file))).toEqual([]);
  });
});

function versions(type: string): string[] {
  return Array.from({ length: currentVersion(type) }, (_, i) => `${type}.v${i + 1}.json`);
}
