import * as results from '../../scripts/testing/results.mjs';

const file = (name: string, tests: [string, string][], status = 'passed') => ({
  name,
  status,
  message: 'boom',
  assertionResults: tests.map(([fullName, s]) => ({ fullName, status: s, failureMessages: ['why'] })),
});

const add = (json: unknown, expectedFiles: string[], exitCode: number | string = 0) =>
  results.addJest(results.emptyTotals(), { group: 'fast', expectedFiles, json, exitCode });

describe('merged test results', () => {
  it('counts passed and failed tests and keeps skipped ones by name', () => {
    const json = {
      testResults: [
        file('/a.spec.ts', [
          ['one', 'passed'],
          ['two', 'failed'],
        ]),
        file('/b.spec.ts', [['three (skip: needs a mac)', 'pending']]),
      ],
    };
    const totals = add(json, ['/a.spec.ts', '/b.spec.ts'], 1);
    expect(totals).toMatchObject({ passed: 1, failed: 1 });
    expect(totals.skips).toEqual([
      { name: 'three (skip: needs a mac)', file: '/b.spec.ts', reason: 'needs a mac' },
    ]);
  });

  it.each([
    ['no results at all', undefined, [], 1],
    ['a file that was not run', { testResults: [] }, ['/a.spec.ts'], 0],
    ['a file that did not compile', { testResults: [file('/a.spec.ts', [], 'failed')] }, ['/a.spec.ts'], 1],
    [
      'an exit code that no test explains',
      { testResults: [file('/a.spec.ts', [['x', 'passed']])] },
      ['/a.spec.ts'],
      1,
    ],
  ])('counts %s as one failure', (_, json, expected, exitCode) => {
    expect(add(json, expected, exitCode).failed).toBe(1);
  });

  it('fails on a skip that is not listed, and on a run of nothing', () => {
    const listed = results.allowedSkips({ ciText: "x\nFLUXFORGE_ALLOWED_SKIPS='\n# why\nname one\n'\n" });
    expect(listed).toEqual(['name one']);
    const skipped = (name: string) => ({ ...results.emptyTotals(), passed: 1, skips: [{ name, file: 'f' }] });
    expect(results.judge(skipped('name one'), listed).failed).toBe(0);
    expect(results.judge(skipped('another'), listed).failed).toBe(1);
    expect(results.judge(results.emptyTotals(), listed).failed).toBe(1);
  });

  it('ends with the line that scripts read', () => {
    expect(results.lastLine({ passed: 12, failed: 0 })).toBe('12 passed, 0 failed');
  });
});
