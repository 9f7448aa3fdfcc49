import { type TaskSpec } from '@fluxforge/events/catalogue';
import { spec } from '../tasks-context/scenario.fixture.js';
import { SharedSpecs, specBytes } from './shared-specs.js';

describe('specs that say the same', () => {
  it('are one, as long as they are short', () => {
    const shared = new SharedSpecs();
    const first = shared.of(spec({ command: 'true' }));
    expect(shared.of(spec({ command: 'true' })).spec).toBe(first.spec);
    expect(shared.of(spec({ command: 'false' })).spec).not.toBe(first.spec);
  });

  it('are left alone when they are long: their texts would be kept', () => {
    const shared = new SharedSpecs();
    const long = () => spec({ command: 'x'.repeat(10_000) });
    expect(shared.of(long()).spec).not.toBe(shared.of(long()).spec);
  });

  it('are forgotten when there are too many', () => {
    const shared = new SharedSpecs();
    const first = shared.of(spec({ command: 'first' }));
    for (let i = 0; i < 2_000; i++) shared.of(spec({ command: `${i}` }));
    expect(shared.of(spec({ command: 'first' })).spec).not.toBe(first.spec);
  });
});

describe('a spec is as large as its JSON', () => {
  const texts = ['true', 'x'.repeat(10_000), 'naïve', '日本', 'smile 😀', '\ud800 alone', '"\\\n'];
  it.each(texts)('kept or not: %j', (command) => {
    const one = spec({ command, labels: { 10: 'b', a: 'é' } });
    const bytes = Buffer.byteLength(JSON.stringify(one));
    expect(specBytes(one)).toBe(bytes);
    const kept = new SharedSpecs().of(one);
    expect(kept).toEqual({ spec: one, bytes });
    expect(specBytes(JSON.parse(JSON.stringify(kept.spec)) as TaskSpec)).toBe(bytes);
  });

  it('and a copy that says something else is measured anew', () => {
    const kept = new SharedSpecs().of(spec({ command: 'true' }));
    expect(specBytes({ ...kept.spec, command: 'truer' })).toBe(kept.bytes + 1);
  });
});
