// `fluxforge limits`: what a tenant may have at most, shown and changed.
import { InvalidArgumentError } from 'commander';
import { Failure, WrongUsage } from './failure.mjs';
import { table } from './text.mjs';
import { because, said, wholeNumber } from './usage.mjs';

/** One more `name=value` of --set. */
export function setting(word, before = {}) {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
  if (name === undefined) throw new InvalidArgumentError('Give name=value.');
  return { ...before, [name]: wholeNumber(value) };
}

export async function limits(client, tenant, { set = {}, unset = [], output, reason }, print) {
  const twice = unset.filter((name) => Object.hasOwn(set, name));
  if (twice.length > 0) throw new WrongUsage(`both set and unset: ${twice.join(', ')}`);
  const body = said({ ...set, ...Object.fromEntries(unset.map((name) => [name, null])) });
  if (!body) return show(client, tenant, output, print);
  const changes = Object.entries(body)
    .map(([name, value]) => `${name}=${value ?? 'none'}`)
    .join(' ');
  if (tenant === undefined) {
    await client.change('PATCH', '/v1/tenant/limits', { body, ...because(reason) });
    return print(`limits: ${changes}`);
  }
  // What becomes of a command of another tenant is not for this one's key to see.
  await client.call('PATCH', `/v1/tenants/${encodeURIComponent(tenant)}/limits`, {
    body,
    ...because(reason),
  });
  print(`${tenant}: ${changes} asked for`);
}

async function show(client, tenant, output, print) {
  const own = await client.get('/v1/tenant');
  if (tenant !== undefined && tenant !== own.id && tenant !== own.name)
    throw new Failure(`only the limits of the key's own tenant are shown, ${own.id}`);
  if (output === 'json') return print(JSON.stringify(own.limits, null, 2));
  const rows = Object.entries(own.limits).map(([name, value]) => [name, String(value)]);
  print(rows.length === 0 ? 'none' : table(['LIMIT', 'VALUE'], rows));
}
