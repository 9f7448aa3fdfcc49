/** The one JSON line of the bootstrap that names a tenant; the process may log other lines. */
export function parseBootstrap(stdout) {
  for (const line of stdout.split('\n').reverse()) {
    if (!line.includes('"tenant_id"')) continue;
    try {
      const answer = JSON.parse(line);
      if ('api_key' in answer && 'created' in answer) return answer;
    } catch {
      // a log line that speaks of a tenant
    }
  }
  throw new Error(`bootstrap did not print its JSON line:\n${stdout.slice(-1000)}`);
}
