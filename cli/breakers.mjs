// `fluxforge breakers`, `breaker-reset`, `release-brake`: what keeps leases away from agents.
import { table } from './text.mjs';
import { because } from './usage.mjs';

export const SCOPES = ['agent', 'domain'];

export async function breakers(client, { output }, print) {
  const found = await client.get('/v1/breakers');
  if (output === 'json') return print(JSON.stringify(found, null, 2));
  const rows = found.breakers.map((b) => [b.scope, b.name, b.phase, b.until ?? '', String(b.openings)]);
  print(rows.length === 0 ? 'none' : table(['SCOPE', 'NAME', 'PHASE', 'UNTIL', 'OPENINGS'], rows));
  const { brake } = found;
  if (brake)
    print(
      `brake on mass loss: ${brake.lost_agents} of ${brake.agents} agents fell silent, until ${brake.until}`,
    );
}

export async function resetBreaker(client, scope, name, { reason }, print) {
  const owner = scope === 'agent' ? 'agents' : 'failure-domains';
  const route = `/v1/${owner}/${encodeURIComponent(name)}/reset-breaker`;
  const { command } = await client.change('POST', route, because(reason));
  print(`${scope} ${name}: breaker ${changedNothing(command) ? 'was closed already' : 'closed'}`);
}

export async function releaseBrake(client, { reason }, print) {
  const { command } = await client.change('POST', '/v1/tenant/release-brake', because(reason));
  print(changedNothing(command) ? 'no brake was set' : 'brake released');
}

const changedNothing = ({ event_type: type }) => type === 'command.accepted';
