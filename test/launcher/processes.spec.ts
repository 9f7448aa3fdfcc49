import { environValue, parseStat, withRunId } from '../../scripts/lib/procs.mjs';

describe('processes of a run', () => {
  it('reads /proc/<pid>/stat though the command holds spaces and brackets', () => {
    const rest = ['S', '7', ...Array.from({ length: 17 }, (_, i) => `${i}`), '4242', '99'].join(' ');
    expect(parseStat(`12 (a) b (c) ${rest}`)).toEqual({
      name: 'a) b (c',
      state: 'S',
      ppid: 7,
      startTime: '4242',
    });
    expect(parseStat('')).toBeUndefined();
    expect(parseStat('12 (cut')).toBeUndefined();
  });

  it('reads a variable of an environment, and only that one', () => {
    const text = 'A=1\0XFLUXFORGE_RUN_ID=no\0FLUXFORGE_RUN_ID=yes=1\0';
    expect(environValue(text, 'FLUXFORGE_RUN_ID')).toBe('yes=1');
    expect(environValue(text, 'FLUXFORGE')).toBeUndefined();
  });

  it('finds the marked ones, those of runs inside, and their unmarked descendants, but not itself', () => {
    const p = (pid: number, ppid: number, runId?: string) => ({ pid, ppid, startTime: '1', runId });
    const all = [
      p(9, 3),
      p(1, 0),
      p(2, 1, 'r'),
      p(3, 2),
      p(4, 1, 'r.inner'),
      p(5, 1, 'r2'),
      p(6, 1),
      p(7, 1, 'r'),
    ];
    expect(withRunId(all, 'r', 7).map((x) => x.pid)).toEqual([9, 2, 3, 4]);
  });
});
