import { spec } from '../tasks-context/scenario.fixture.js';
import { SharedSpecs } from './shared-specs.js';

describe('specs that say the same', () => {
  it('are one, as long as they are short', () => {
    const shared = new SharedSpecs();
    const first = shared.of(spec({ command: 'true' }));
    expect(shared.of(spec({ command: 'true' }))).toBe(first);
    expect(shared.of(spec({ command: 'false' }))).not.toBe(first);
  });

  it('are left alone when they are long: their texts would be kept', () => {
    const shared = new SharedSpecs();
    const long = () => spec({ command: 'x'.repeat(10_000) });
    expect(shared.of(long())).not.toBe(shared.of(long()));
  });

  it('are forgotten when there are too many', () => {
    const shared = new SharedSpecs();
    const first = shared.of(spec({ command: 'first' }));
    for (let i = 0; i < 2_000; i++) shared.of(spec({ command: `${i}` }));
    expect(shared.of(spec({ command: 'first' }))).not.toBe(first);
  });
});
