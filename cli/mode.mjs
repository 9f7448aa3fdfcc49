// `fluxforge mode`: how much is let in, of a tenant or at all.
import { WrongUsage } from './failure.mjs';
import { because } from './usage.mjs';

export const MODES = ['normal', 'degraded', 'read-only', 'draining'];

export async function mode(client, wanted, { cluster, reason, output }, print) {
  if (wanted === undefined) {
    if (cluster)
      throw new WrongUsage('the mode that holds is shown, without --cluster: the strictest there is');
    const { mode } = await client.get('/v1/tenant');
    return print(output === 'json' ? JSON.stringify({ mode }, null, 2) : mode);
  }
  const request = { body: { mode: wanted }, ...because(reason) };
  if (!cluster) {
    const changed = await client.change('PUT', '/v1/tenant/mode', request);
    return print(output === 'json' ? JSON.stringify(changed, null, 2) : `tenant: ${wanted}`);
  }
  // Commands of the cluster are no tenant's, so no key sees what becomes of them.
  const asked = await client.call('PUT', '/v1/cluster/mode', request);
  if (output === 'json') return print(JSON.stringify(asked, null, 2));
  print(`cluster: ${wanted} asked of ${asked.partitions.length} partitions`);
}
