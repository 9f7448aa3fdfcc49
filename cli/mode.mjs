// `fluxforge mode`: how much is let in, of a tenant or at all.
import { WrongUsage } from './failure.mjs';
import { because } from './usage.mjs';

export const MODES = ['normal', 'degraded', 'read-only', 'draining'];

export async function mode(client, wanted, { cluster, reason }, print) {
  if (wanted === undefined) {
    if (cluster)
      throw new WrongUsage('the mode that holds is shown, without --cluster: the strictest there is');
    return print((await client.get('/v1/tenant')).mode);
  }
  const request = { body: { mode: wanted }, ...because(reason) };
  if (!cluster) {
    await client.change('PUT', '/v1/tenant/mode', request);
    return print(`tenant: ${wanted}`);
  }
  // Commands of the cluster are no tenant's, so no key sees what becomes of them.
  const { partitions } = await client.call('PUT', '/v1/cluster/mode', request);
  print(`cluster: ${wanted} asked of ${partitions.length} partitions`);
}
