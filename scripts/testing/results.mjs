// Jest's JSON results, merged into one count. A run that cannot say what it did counts as a failure.

export const emptyTotals = () => ({ passed: 0, failed: 0, failures: [], skips: [] });

/** A name that holds its reason after "skip:" or "reason:" gives it; jest itself keeps none. */
export function skipReason(name) {
  return /(?:skip|skipped|reason|because)[:\s]+(.+?)\)?$/i.exec(name)?.[1];
}

export function addJest(totals, { group, expectedFiles, json, exitCode }) {
  if (json === undefined) {
    fail(totals, `${group}: jest ended with ${exitCode} and left no results`);
    return totals;
  }
  const before = totals.failed;
  const seen = new Set();
  for (const file of json.testResults) {
    seen.add(file.name);
    addFile(totals, file);
  }
  for (const file of expectedFiles.filter((f) => !seen.has(f))) fail(totals, `${file}: was not run`);
  if (exitCode !== 0 && totals.failed === before)
    fail(totals, `${group}: jest ended with ${exitCode}, no test failed`);
  return totals;
}

function addFile(totals, file) {
  for (const test of file.assertionResults) {
    if (test.status === 'passed') totals.passed += 1;
    else if (test.status === 'failed')
      fail(totals, `${file.name}: ${test.fullName}`, test.failureMessages?.[0]);
    else totals.skips.push({ name: test.fullName, file: file.name, reason: skipReason(test.fullName) });
  }
  const ranNone = file.assertionResults.length === 0;
  const noneFailed = file.assertionResults.every((t) => t.status !== 'failed');
  if (file.status === 'failed' && (ranNone || noneFailed))
    fail(totals, `${file.name}: did not run`, file.message);
}

export function fail(totals, name, message) {
  totals.failed += 1;
  totals.failures.push({ name, message });
}

export function addCommand(totals, { name, failure }) {
  if (failure === undefined) totals.passed += 1;
  else fail(totals, name, failure);
}

/** Names, one a line, of ALLOWED_SKIPS in the text of .ci/run. */
export function allowedSkips({ env, ciText }) {
  const text = env ?? /^FLUXFORGE_ALLOWED_SKIPS='([^']*)'/m.exec(ciText ?? '')?.[1] ?? '';
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** A skip that is not on the list is a failure; so is a run of nothing. */
export function judge(totals, allowed) {
  for (const skip of totals.skips.filter((s) => !allowed.includes(s.name))) {
    fail(totals, `${skip.file}: skipped, and not on the list of .ci/run: ${skip.name}`);
  }
  if (totals.passed + totals.failed === 0) fail(totals, 'no test was run');
  return totals;
}

export const lastLine = ({ passed, failed }) => `${passed} passed, ${failed} failed`;
